#!/usr/bin/env python3
"""Time each agent of profile-my-data, and the whole tool, at growing sizes.

    python3 benches/profile/agents.py [--rows 10000 100000 1000000] [--repetitions 3] [--threads N] [--program PATH]

Builds the Rust example in release mode (unless --program names one), writes a current file and a baseline per size
(generate.py, 15 columns), and runs every step in a process of its own. Prints the least time and the greatest peak of
the repetitions; growth is the factor from the size before (10 is linear). `x read` is the time over that of only
reading the file, `x file` the peak over the size of all files read. `x Python` compares with the CPU seconds that the
specification notes for the Python agents at 100,000 rows, scaled to 15 columns.
Goals: tool at most 5 x read and 4 x file at a million rows, at least 10 x Python at 100,000.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from measuring import agents_of_tool  # noqa: E402

# Agent -> (CPU seconds at 100,000 rows, columns): _common-profile-my-data.md 8.
PYTHON = {
    "unified-profiler": (1.04, 31), "drift-detector": (1.02, 12), "score-risk": (0.22, 31),
    "readiness-rater": (1.40, 31), "governance-checker": (0.36, 11), "test-coverage-agent": (0.38, 31),
}

if __name__ == "__main__":
    agents_of_tool("profile-my-data", __doc__, HERE / "generate.py", 15, PYTHON,
                   with_baseline=("drift-detector", "whole tool"))
