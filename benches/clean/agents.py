#!/usr/bin/env python3
"""Time each agent of clean-my-data, and the whole tool, at growing sizes.

    python3 benches/clean/agents.py [--rows 10000 100000 1000000] [--repetitions 3] [--threads N] [--program PATH]

Builds the Rust example in release mode (unless --program names one), writes one file per size (generate.py, 15
columns), and runs every step in a process of its own: each agent that the build has on that file, the file that it
makes written; then all of them chained, the last file written. Prints the least time and the greatest peak of the
repetitions; growth is the factor from the size before (10 is linear). `x read` is the time over that of only reading
the file, `x file` the peak over its size. `x Python` compares with the CPU seconds that the specification notes for
the Python agents at 100,000 rows, scaled to 15 columns.
Goals: tool at most 60 s and 4 x file at a million rows, each agent at least 10 x Python at 100,000.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from measuring import agents_of_tool  # noqa: E402

# Agent -> (CPU seconds at 100,000 rows, columns): _common-clean-my-data.md 6. The previewer's are those of 11 rules.
PYTHON = {
    "cleanse-previewer": (2.0, 19), "quarantine-agent": (0.4, 19), "type-fixer": (0.3, 19),
    "field-standardization": (12, 19), "duplicate-resolver": (0.6, 19), "null-handler": (0.3, 19),
    "outlier-remover": (0.3, 19), "cleanse-writeback": (0.2, 19),
}
PARAMETERS = {
    "cleanse-previewer": {"preview_rules": [
        {"type": "drop_nulls", "target_columns": ["email", "age"]},
        {"type": "impute_nulls", "target_columns": ["age", "score"], "strategy": "mean"},
        {"type": "impute_nulls", "target_columns": ["score"], "strategy": "median"},
        {"type": "impute_nulls", "target_columns": ["city"], "strategy": "mode"},
        {"type": "remove_outliers", "target_columns": ["balance"]},
        {"type": "remove_outliers", "target_columns": ["balance"], "method": "z_score"},
        {"type": "drop_duplicates"},
        {"type": "drop_duplicates", "target_columns": ["email"]},
        {"type": "drop_columns", "target_columns": ["note"]},
        {"type": "convert_types", "target_columns": ["external_ref"], "target_type": "numeric"},
        {"type": "convert_types", "target_columns": ["signup_date"], "target_type": "datetime"},
    ]},
    "null-handler": {"column_strategies": {"age": "median", "score": "mean", "city": "mode", "note": "forward_fill"}},
}

if __name__ == "__main__":
    agents_of_tool("clean-my-data", __doc__, HERE / "generate.py", 15, PYTHON, PARAMETERS)
