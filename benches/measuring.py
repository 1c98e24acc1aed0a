"""What the benches of the tools share: the Rust example that measures itself, and the table of its steps."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def rust_example():
    """Builds the example and returns its path, as cargo names it."""
    command = ["cargo", "build", "--release", "--package", "analysis", "--example", "measure", "--message-format", "json"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    messages = [json.loads(line) for line in built.splitlines() if line.startswith("{")]
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "measure")


def measure(command, threads):
    """Runs a command that prints its seconds and peak as JSON in its last line."""
    environment = {**os.environ, "POLARS_MAX_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def agents_of_tool(tool, description, generator, columns, python, parameters=None, with_baseline=()):
    """Times reading, each agent that the build has, and the whole tool, at growing sizes, and prints the table.

    `generator` writes the input (OUT --rows N --seed N), with so many `columns`. `python`: step -> (CPU seconds of the
    Python agent, its columns) at 100,000 rows. `parameters`: by agent id. `with_baseline`: steps that get a second file.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--program", type=Path, help="the built example, instead of building it")
    arguments = parser.parse_args()
    example = arguments.program or rust_example()
    listed = subprocess.run([example, "agents", tool], stdout=subprocess.PIPE, text=True, check=True).stdout
    parameters = json.dumps(parameters or {})
    print(f"{'':24}{'rows':>9}{'seconds':>9}{'growth':>8}{'x read':>8}{'peak MB':>9}{'x file':>8}{'x Python':>10}")
    before = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in arguments.rows:
            files = [Path(folder, f"{slot}_{rows}.csv") for slot in ("current", "baseline")]
            for path, seed in zip(files if with_baseline else files[:1], (7, 8)):
                command = [sys.executable, generator, path, "--rows", str(rows), "--seed", str(seed)]
                subprocess.run(command, check=True)
            used = {step: files if step in with_baseline else files[:1]
                    for step in ("read", *json.loads(listed), "whole tool")}
            commands = {"read": ["read"], "whole tool": ["tool", tool, parameters]}
            results = {step: [] for step in used}
            for _ in range(arguments.repetitions):
                for step, paths in used.items():
                    words = commands.get(step, ["agent", step, parameters])
                    results[step].append(measure([example, *words, *paths], arguments.threads))
            read = min(run["seconds"] for run in results["read"])
            for step, runs in results.items():
                seconds, peak = min(run["seconds"] for run in runs), max(run["peak_mb"] for run in runs)
                size = sum(path.stat().st_size for path in used[step]) / 2**20
                growth = f"{seconds / before[step]:8.1f}" if step in before else " " * 8
                figure = python.get(step) if rows == 100_000 else None
                ratio = f"{figure[0] * columns / figure[1] / seconds:10.1f}" if figure else ""
                print(f"{step:24}{rows:9}{seconds:9.3f}{growth}{seconds / read:8.2f}{peak:9.0f}{peak / size:8.2f}{ratio}",
                      flush=True)
                before[step] = seconds
