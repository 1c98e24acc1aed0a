#!/usr/bin/env python3
"""Measure our worker beside Celery, rusty-celery, celery-rs, dramatiq and raw Redis commands: no-op tasks, results stored, late acknowledgement.

    python3 -m venv VENV && VENV/bin/pip install -r benches/queue/requirements.txt
    VENV/bin/python benches/queue/compare.py [--quick] [--tasks 20000] [--peer-tasks 4000] [--rounds 3]

Builds the worker, and the programs on rusty-celery and celery-rs (tests/peers), in release mode. Each candidate has a redis-server of its own and two slots; only one runs at a time.
Burn-downs go by turns. Measured:

- burn-down: all messages wait in the queue, then the worker starts; tasks per second from the first finished task to the
  last, and the CPU time of worker and server for each;
- start: process start to the result of a waiting task;
- latency: send to result, one task at a time, as a client sees it that waits as Celery's or dramatiq's own does;
- commands per task (1,000 arrive at once): sent by clients, executed (those in scripts too), reads from sockets;
- idle: resident memory 5 s after the first task (RSS added up over processes; PSS counts shared pages once),
  connections, commands per second.

Messages are copies of one that Celery made, with new ids. `ours` are three settings of one program: messages held per
slot, 1 (its default), 4 (Celery's default) and 64. "raw redis" sends the commands that our worker needs for a task without
scripts, pipelined, without any worker: the limit of one server. Prints tables; writes all figures to --json.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import build
import candidates
import measure
from server import Server, Stalled

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RAW = "raw redis"
# Goals of the project: (figure of `ours`, its limit). Memory is PSS: the node and its executors share the program's pages.
GOALS = {"sent_per_task": 5, "latency_p50_ms": 3, "start_seconds": 0.3, "pss_mib": 25, "idle_sent_per_second": 0.1,
         "connections": 6}
GOAL_TIMES_PREFORK = 20


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: does it run, not how fast")
    parser.add_argument("--tasks", type=int, default=20_000, help="messages of a burn-down for our worker")
    parser.add_argument("--peer-tasks", type=int, default=4_000, help="messages of a burn-down for the others")
    parser.add_argument("--rounds", type=int, default=3, help="burn-downs, and starts")
    parser.add_argument("--sends", type=int, default=300, help="sends of the latency measurement")
    parser.add_argument("--counted", type=int, default=1_000, help="tasks whose commands are counted")
    parser.add_argument("--idle-seconds", type=float, default=20)
    parser.add_argument("--loglevel", default="info", help="of our worker and Celery's, written to a file")
    parser.add_argument("--worker", type=Path, help="this agensium-worker instead of building one")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only candidates whose name begins so")
    parser.add_argument("--json", type=Path, default=HERE / "results.json", help="default: %(default)s")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds = 1
        for name in ("tasks", "peer_tasks", "sends", "counted", "idle_seconds"):
            setattr(arguments, name, max(1, getattr(arguments, name) // 10))
    return arguments


def run(compared, folder_of, arguments):
    """All figures, by candidate."""
    figures = {candidate.name: {"burn_downs": [], "starts": [], "stalled": []} for candidate in compared}
    celery = next((candidate for candidate in compared if isinstance(candidate, candidates.CeleryProtocol)), None)
    if celery:
        figures[RAW] = {"burn_downs": []}

    def take(candidate, measurement, *further):
        """A measurement's answer; None, and a word in the figures, when the candidate stalls."""
        try:
            return measurement(candidate, folder_of(candidate), *further)
        except Stalled as reason:
            progress(f"{candidate.name} stalled: {reason}")
            figures[candidate.name]["stalled"].append(f"{measurement.__name__}: {reason}")
            return None

    for candidate in compared:
        take(candidate, measure.first_task)  # Warms file cache, byte code and the worker's own files.
    for number in range(arguments.rounds):
        for candidate in compared:
            progress(f"round {number + 1} of {arguments.rounds}: {candidate.name}")
            of = figures[candidate.name]
            of["starts"].append(take(candidate, measure.first_task))
            count = arguments.peer_tasks if candidate.peer else arguments.tasks
            of["burn_downs"].append(take(candidate, measure.burn_down, count))
        if celery:
            raw = measure.raw_limit(celery, arguments.tasks)
            figures[RAW]["burn_downs"].append({"tasks_per_second": raw})
    for candidate in compared:
        progress(f"steady: {candidate.name}")
        steady = take(candidate, measure.steady, arguments.sends, arguments.counted, arguments.idle_seconds)
        figures[candidate.name].update(steady or {})
    for of in figures.values():
        burn_downs = [burn_down for burn_down in of["burn_downs"] if burn_down]
        for name in burn_downs[0] if burn_downs else ():
            of[name] = statistics.median(burn_down[name] for burn_down in burn_downs)
        if starts := [start for start in of.get("starts", ()) if start]:
            of["start_seconds"] = statistics.median(starts)
    return figures


COLUMNS = [
    ("tasks/s", "tasks_per_second", ".0f"), ("worker CPU ms", "worker_cpu_ms_per_task", ".3f"),
    ("redis CPU ms", "redis_cpu_ms_per_task", ".3f"), ("sent/task", "sent_per_task", ".2f"),
    ("executed", "executed_per_task", ".2f"), ("reads", "reads_per_task", ".2f"), ("p50 ms", "latency_p50_ms", ".2f"),
    ("p99 ms", "latency_p99_ms", ".2f"), ("start s", "start_seconds", ".3f"), ("RSS MiB", "rss_mib", ".1f"),
    ("PSS MiB", "pss_mib", ".1f"), ("procs", "processes", "d"), ("conns", "connections", "d"),
    ("idle sent/s", "idle_sent_per_second", ".2f"), ("idle exec/s", "idle_executed_per_second", ".2f"),
]


def table(figures):
    wide = max(map(len, figures))
    yield " " * wide + "".join(f"  {title}" for title, _, _ in COLUMNS)
    for name, of in figures.items():
        cells = (format(of[key], shape) if key in of else "-" for _, key, shape in COLUMNS)
        yield f"{name:{wide}}" + "".join(f"  {cell:>{len(title)}}" for cell, (title, _, _) in zip(cells, COLUMNS))


def ratios(figures):
    for name, of in figures.items():
        for reason in of.get("stalled", ()):
            yield f"STALLED {name}: {reason}"
    for name in (name for name, of in figures.items() if name.startswith("ours") and "tasks_per_second" in of):
        rate = figures[name]["tasks_per_second"]
        beside = ", ".join(
            f"{rate / of['tasks_per_second']:.2f} x {other}" for other, of in figures.items()
            if not other.startswith("ours") and "tasks_per_second" in of
        )
        yield f"{name}: tasks/s = {beside}"
    prefork, ours = figures.get("celery prefork"), figures.get("ours")
    if prefork and ours and "tasks_per_second" in prefork:
        times = ours["tasks_per_second"] / prefork["tasks_per_second"]
        yield goal("tasks/s / celery prefork", times, GOAL_TIMES_PREFORK, times >= GOAL_TIMES_PREFORK, "at least")
    if ours:
        for name, limit in ((name, limit) for name, limit in GOALS.items() if name in ours):
            yield goal(name, ours[name], limit, ours[name] <= limit, "at most")


def goal(name, value, limit, met, how):
    return f"goal {'met   ' if met else 'MISSED'} ours: {name} = {value:.3g} ({how} {limit})"


def circumstances(server):
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "")
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"architecture": platform.machine(), "cpu": model, "cores": len(os.sched_getaffinity(0)),
                    "kernel": platform.release(), "load_average": os.getloadavg()},
        "versions": {"python": platform.python_version(), "redis-server": server.client.info("server")["redis_version"],
                     **{name: version(name) for name in ("celery", "kombu", "redis", "dramatiq")}},
    }


def progress(text):
    print(text, file=sys.stderr, flush=True)


def main():
    arguments = parse()
    worker = arguments.worker.resolve() if arguments.worker else build.release("agensium-worker", ROOT)
    servers = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)

        def server():
            servers.append(Server(root / f"redis-{len(servers)}"))
            return servers[-1]

        def folder_of(candidate):
            folder = root / f"worker-{candidate.server.port}"
            folder.mkdir(exist_ok=True)
            return folder

        try:
            compared = candidates.candidates(server, worker, arguments.loglevel, arguments.only)
            if not compared:
                raise SystemExit("no candidate has such a name")
            told = circumstances(servers[0])
            told["versions"]["agensium-worker"] = subprocess.run(
                [worker, "--version"], stdout=subprocess.PIPE, text=True, check=True
            ).stdout.strip()
            told["settings"] = {name: str(value) for name, value in vars(arguments).items() if name != "json"}
            figures = run(compared, folder_of, arguments)
        finally:
            for running in servers:
                running.stop()
    told["load_average_after"] = os.getloadavg()
    arguments.json.write_text(json.dumps({**told, "figures": figures}, indent=1) + "\n")
    print(json.dumps(told))
    print(*table(figures), "", *ratios(figures), sep="\n")


if __name__ == "__main__":
    main()
