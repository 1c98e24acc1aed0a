#!/usr/bin/env python3
"""Time our profile of a CSV beside reading it with Python polars and beside DuckDB's SUMMARIZE.

    python3 -m venv VENV && VENV/bin/pip install -r benches/profile/requirements.txt
    VENV/bin/python benches/profile/compare.py [--rows 1000000] [--repetitions 7] [--threads N]

Builds the Rust example in release mode, writes the input, then runs every candidate by turns, each time in a process
of its own, on the same threads. A candidate measures itself: from opening the file to the finished result, without
starting the interpreter and importing its library; the peak is the process's greatest resident size. Prints medians,
ratios, peaks and every measured time. Goal: the whole profile in at most 3 times the time of only reading the CSV
with Python polars, and ahead of SUMMARIZE.
"""
import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from measuring import measure, rust_example  # noqa: E402

MEASURE = """
import json, resource, sys, time
{imports}
path = sys.argv[1]
started = time.perf_counter()
{work}
seconds = time.perf_counter() - started
print(json.dumps({{"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}}))
"""
# As the reference reads for this agent: types by the first 10,000 rows, misfits become null.
POLARS_READ = MEASURE.format(
    imports="import polars",
    work="polars.read_csv(path, infer_schema_length=10000, ignore_errors=True)",
)
DUCKDB_SUMMARIZE = MEASURE.format(
    imports="import duckdb, os",
    work="""connection = duckdb.connect()
connection.execute("SET threads = " + os.environ["POLARS_MAX_THREADS"])
connection.execute("SET enable_progress_bar = false")
connection.execute("SUMMARIZE FROM read_csv(?)", [path]).fetchall()""",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--file", type=Path, help="profile this CSV instead of a generated one")
    arguments = parser.parse_args()
    example = rust_example()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file
        if path is None:
            path = Path(folder, "customers.csv")
            subprocess.run([sys.executable, HERE / "generate.py", path, "--rows", str(arguments.rows)], check=True)
        candidates = {
            "ours: read": [example, "read", path],
            "ours: read and profile": [example, "agent", "unified-profiler", "{}", path],
            "polars: read_csv": [sys.executable, "-c", POLARS_READ, path],
            "duckdb: SUMMARIZE": [sys.executable, "-c", DUCKDB_SUMMARIZE, path],
        }
        results = {name: [] for name in candidates}
        for repetition in range(arguments.repetitions + 1):
            for name, command in candidates.items():
                result = measure(command, arguments.threads)
                if repetition > 0:  # The first round only warms the file cache.
                    results[name].append(result)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {arguments.threads} threads, {platform.machine()}, "
              f"polars {version('polars')}, duckdb {version('duckdb')}, {arguments.repetitions} repetitions")
    medians = {name: statistics.median(r["seconds"] for r in runs) for name, runs in results.items()}
    read, ours = medians["polars: read_csv"], medians["ours: read and profile"]
    print(f"{'':24}{'median s':>9}{'x read_csv':>12}{'peak MB':>9}   all times")
    for name, runs in results.items():
        times = " ".join(f"{r['seconds']:.3f}" for r in runs)
        peak = max(r["peak_mb"] for r in runs)
        print(f"{name:24}{medians[name]:9.3f}{medians[name] / read:12.2f}{peak:9.0f}   {times}")
    print(f"profile / read_csv = {ours / read:.2f} (goal: at most 3); "
          f"profile / SUMMARIZE = {ours / medians['duckdb: SUMMARIZE']:.2f} (goal: below 1)")


if __name__ == "__main__":
    main()
