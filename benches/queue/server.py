"""A private redis-server, what it is asked, and the processes of a worker as the system sees them."""
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import redis

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Stalled(Exception):
    """A candidate did not do what it was given, and why. Said beside its figures; the others are measured all the same."""


class Server:
    """A redis-server of its own: free port, own folder, nothing saved."""

    def __init__(self, folder):
        binary = shutil.which("redis-server")
        if binary is None:
            raise SystemExit("redis-server is not installed, or not in PATH")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        folder.mkdir()
        self.process = subprocess.Popen(
            [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
             "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = self.connect()
        wait_for(self._answers, 10, "redis-server did not start")

    def _answers(self):
        try:
            return self.client.ping()
        except redis.ConnectionError:
            return False

    def connect(self):
        return redis.Redis.from_url(self.url)

    def connection_ids(self):
        return {client["id"] for client in self.client.client_list()}

    def reads(self):
        """Reads from sockets so far: about one a round trip, however many commands it carries."""
        return self.client.info("stats")["total_reads_processed"]

    def stop(self):
        self.client.close()
        self.process.terminate()
        self.process.wait()


class Monitor:
    """Counts what other clients send, told apart from what scripts call, with MONITOR. Slows the server, so nothing is
    timed meanwhile."""

    def __init__(self, server, ours):
        self.ours = ours
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.sendall(b"MONITOR\r\n")
        self.socket.recv(5)
        self.chunks = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while chunk := self.socket.recv(1 << 20):
            self.chunks.append(chunk)

    def stop(self):
        """Answers the commands sent and the commands called inside scripts, each by name."""
        time.sleep(0.2)  # What the server has written may still be on its way.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
        sent, inside = {}, {}
        for line in b"".join(self.chunks).split(b"\r\n"):
            # +1700000000.000001 [0 127.0.0.1:1234] "get" "key"
            head, _, rest = line.partition(b"] ")
            if not rest.startswith(b'"'):
                continue
            source = head.rpartition(b" ")[2].decode()
            name = rest[1:].partition(b'"')[0].decode().lower()
            if source == "lua":
                inside[name] = inside.get(name, 0) + 1
            elif source not in self.ours:
                sent[name] = sent.get(name, 0) + 1
        return sent, inside


class Process:
    """A worker: one session of processes, output in a file."""

    def __init__(self, command, folder, environment):
        self.log = folder / "worker.log"
        with self.log.open("ab") as log:
            self.started = time.perf_counter()
            self.process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True
            )

    def check(self):
        if self.process.poll() is not None:
            raise Stalled(f"the worker ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}")

    def pids(self):
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                fields = stat(folder.name)
                if fields and fields[3] == str(self.process.pid):
                    found.append(folder.name)
        return found

    def memory(self):
        """(processes, RSS, PSS) in MiB; PSS counts a page that processes share once."""
        rss = pss = 0
        pids = self.pids()
        for pid in pids:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                rss += int(value.split()[0]) if name == "Rss" else 0
                pss += int(value.split()[0]) if name == "Pss" else 0
        return len(pids), rss / 1024, pss / 1024

    def cpu(self):
        """CPU seconds of all its processes that live."""
        return sum(cpu(pid) for pid in self.pids())

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def stat(pid):
    """The fields of /proc/PID/stat behind the name; None when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def cpu(pid):
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS if fields else 0.0


def wait_for(condition, seconds, message):
    end = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > end:
            raise Stalled(message)
        time.sleep(0.01)
