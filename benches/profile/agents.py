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
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from compare import HERE, measure, rust_example

COLUMNS = 15
# Agent -> (CPU seconds at 100,000 rows, columns): _common-profile-my-data.md 8.
PYTHON = {
    "unified-profiler": (1.04, 31), "drift-detector": (1.02, 12), "score-risk": (0.22, 31),
    "readiness-rater": (1.40, 31), "governance-checker": (0.36, 11), "test-coverage-agent": (0.38, 31),
}
PYTHON_ROWS = 100_000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--program", type=Path, help="the built example, instead of building it")
    arguments = parser.parse_args()
    example = arguments.program or rust_example()
    agents = json.loads(subprocess.run([example, "agents"], stdout=subprocess.PIPE, text=True, check=True).stdout)
    print(f"{'':22}{'rows':>9}{'seconds':>9}{'growth':>8}{'x read':>8}{'peak MB':>9}{'x file':>8}{'x Python':>10}")
    before = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in arguments.rows:
            current, baseline = Path(folder, f"current_{rows}.csv"), Path(folder, f"baseline_{rows}.csv")
            for path, seed in ((current, 7), (baseline, 8)):
                command = [sys.executable, HERE / "generate.py", path, "--rows", str(rows), "--seed", str(seed)]
                subprocess.run(command, check=True)
            steps = {"read": ["read", current]}
            for agent in agents:
                files = [current, baseline] if agent == "drift-detector" else [current]
                steps[agent] = ["agent", agent, *files]
            steps["whole tool"] = ["tool", current, baseline]
            results = {step: [] for step in steps}
            for _ in range(arguments.repetitions):
                for step, words in steps.items():
                    results[step].append(measure([example, *words], arguments.threads))
            read = min(run["seconds"] for run in results["read"])
            for step, runs in results.items():
                seconds, peak = min(run["seconds"] for run in runs), max(run["peak_mb"] for run in runs)
                size = sum(path.stat().st_size for path in steps[step] if isinstance(path, Path)) / 2**20
                growth = f"{seconds / before[step]:8.1f}" if step in before else " " * 8
                python = PYTHON.get(step)
                ratio = python[0] * COLUMNS / python[1] / seconds if python and rows == PYTHON_ROWS else None
                print(f"{step:22}{rows:9}{seconds:9.3f}{growth}{seconds / read:8.2f}{peak:9.0f}{peak / size:8.2f}"
                      + (f"{ratio:10.1f}" if ratio else ""), flush=True)
                before[step] = seconds


if __name__ == "__main__":
    main()
