"""The memory of idle executors of agensium-worker: PSS and private pages, in MiB."""

import pathlib
import socket
import subprocess
import sys
import tempfile
import time


def children(process: int) -> list[int]:
    threads = pathlib.Path(f"/proc/{process}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def memory(process: int) -> dict[str, float]:
    lines = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(value.split()[0]) / 1024 for name, value in (line.split(":") for line in lines)}


def main() -> None:
    program = pathlib.Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tempfile.TemporaryDirectory()
    redis = subprocess.Popen(
        ["redis-server", "--port", str(port), "--save", "", "--dir", folder.name], stdout=subprocess.DEVNULL
    )
    worker = subprocess.Popen(
        [program, "worker", "-b", f"redis://127.0.0.1:{port}/0", "-c", str(count)],
        cwd=folder.name,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while len(children(worker.pid)) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        for name, processes in (("worker", [worker.pid]), ("executors", children(worker.pid))):
            figures = [memory(process) for process in processes]
            for kind in ("Pss", "Pss_Anon", "Private_Dirty", "Rss"):
                mean = sum(figure.get(kind, 0) for figure in figures) / len(figures)
                print(f"{name:10} x{len(figures):<3} {kind:14} {mean:7.2f} MiB each")
    finally:
        worker.terminate()
        worker.wait()
        redis.terminate()
        redis.wait()
        folder.cleanup()


if __name__ == "__main__":
    main()
