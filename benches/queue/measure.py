"""The measurements. Each starts from an empty server and ends its worker."""
import random
import socket
import statistics
import threading
import time

from server import Monitor, Process, Stalled, cpu, wait_for

POLL = 0.02
# Without one more finished task for so long, a worker is said to have stalled.
PATIENCE = 30
# Between two sends of the latency measurement: the worker is idle again.
GAP = (0.005, 0.015)
# The last reply of the raw commands.
END = b"end-of-the-raw-commands"


class Progress:
    """Ends the wait for a number to change when it has not changed for PATIENCE."""

    def __init__(self, message):
        self.message = message
        self.last, self.since = None, 0.0

    def check(self, number):
        now = time.perf_counter()
        if number != self.last:
            self.last, self.since = number, now
        elif now > self.since + PATIENCE:
            raise Stalled(self.message.format(number))


def start(candidate, folder):
    return Process(candidate.command, folder, candidate.environment)


def await_result(candidate, listener, message, worker):
    for _ in range(60):
        if candidate.wait_result(listener, message, 1):
            return
        worker.check()
    raise Stalled("no result within 60 s")


def first_task(candidate, folder):
    """Seconds from the start of the process to the result of a message that was waiting."""
    client = candidate.server.client
    client.flushall()
    [message] = candidate.make(1)
    candidate.push(client, [message])
    listener = candidate.listen(client)
    worker = start(candidate, folder)
    try:
        await_result(candidate, listener, message, worker)
        return time.perf_counter() - worker.started
    finally:
        worker.stop()


def burn_down(candidate, folder, count):
    """`count` messages wait, then the worker starts: tasks per second and CPU from the first finished task to the last."""
    client = candidate.server.client
    client.flushall()
    messages = candidate.make(count)
    candidate.push(client, messages)
    redis_pid = candidate.server.process.pid
    worker = start(candidate, folder)
    try:
        begin = None
        progress = Progress("{} of %d waiting messages never finished" % count)
        while True:
            unfinished = candidate.unfinished(client)
            finished = count - unfinished
            now = time.perf_counter()
            if begin is None and finished > 0:
                begin = (now, finished, worker.cpu(), cpu(redis_pid))
            if finished == count:
                break
            worker.check()
            progress.check(unfinished)
            time.sleep(POLL)
        # A worker of several processes acknowledges some message before it stores the last result.
        keys = candidate.result_keys(messages)
        wait_for(lambda: not keys or client.exists(*keys) == count, 10, "results are missing")
        for message in random.Random(1).sample(messages, min(200, count)):
            if not candidate.is_success(client, message):
                raise Stalled("a task did not succeed")
        tasks, seconds = count - begin[1], now - begin[0]
        return {
            "tasks_per_second": tasks / seconds,
            "worker_cpu_ms_per_task": (worker.cpu() - begin[2]) / tasks * 1000,
            "redis_cpu_ms_per_task": (cpu(redis_pid) - begin[3]) / tasks * 1000,
        }
    finally:
        worker.stop()


def steady(candidate, folder, sends, counted, idle_seconds):
    """One worker that runs all the time: idle cost, latency, commands per task."""
    server, client = candidate.server, candidate.server.client
    client.flushall()
    control = server.connect()
    listener = candidate.listen(control)
    before = server.connection_ids()
    worker = start(candidate, folder)
    try:
        [probe] = candidate.make(1)
        candidate.push(client, [probe])
        await_result(candidate, listener, probe, worker)
        time.sleep(5)
        processes, rss, pss = worker.memory()
        return {
            "processes": processes, "rss_mib": rss, "pss_mib": pss, "connections": len(server.connection_ids() - before),
            **idle(server, idle_seconds),
            **latency(candidate, client, listener, sends),
            **commands(candidate, client, counted),
        }
    finally:
        control.close()
        worker.stop()


def idle(server, seconds):
    monitor = Monitor(server, set())
    time.sleep(seconds)
    sent, inside = monitor.stop()
    return {
        "idle_sent_per_second": sum(sent.values()) / seconds,
        "idle_executed_per_second": (sum(sent.values()) + sum(inside.values())) / seconds,
    }


def latency(candidate, client, listener, sends):
    """Milliseconds from before the send to when the result is told, one task at a time."""
    pause = random.Random(2)
    times = []
    for message in candidate.make(sends):
        time.sleep(pause.uniform(*GAP))
        sent = time.perf_counter()
        candidate.push(client, [message])
        if not candidate.wait_result(listener, message, 30):
            raise Stalled("no result within 30 s")
        times.append((time.perf_counter() - sent) * 1000)
    cuts = statistics.quantiles(times, n=100)
    return {"latency_p50_ms": cuts[49], "latency_p99_ms": cuts[98], "latency_max_ms": max(times)}


def commands(candidate, client, count):
    """Commands for each of `count` tasks that arrive at once at a running worker."""
    server = candidate.server
    messages = candidate.make(count)
    candidate.push(client, messages[:1])
    wait_for(lambda: candidate.unfinished(client) == 0, PATIENCE, "one task did not finish")
    reads = server.reads()
    peer = client.connection_pool.get_connection()
    host, port = peer._sock.getsockname()
    client.connection_pool.release(peer)
    monitor = Monitor(server, {f"{host}:{port}"})
    candidate.push(client, messages[1:])
    polls = 0
    progress = Progress("{} of %d messages that came at once never finished" % count)
    try:
        while (unfinished := candidate.unfinished(client)) > 0:
            progress.check(unfinished)
            polls += 1
            time.sleep(POLL)
        reads_after = server.reads()
    finally:
        sent, inside = monitor.stop()
    tasks = count - 1
    return {
        "sent_per_task": sum(sent.values()) / tasks,
        "executed_per_task": (sum(sent.values()) + sum(inside.values())) / tasks,
        "reads_per_task": (reads_after - reads - polls) / tasks,
        "sent_by_name": {name: calls / tasks for name, calls in sorted(sent.items(), key=lambda item: -item[1])},
    }


def raw_limit(candidate, count, batch=256):
    """The reads and writes of our worker as plain commands without any worker: pipelined on one connection, encoded before
    the clock runs. What one Redis server can do at most."""
    client = candidate.server.client
    client.flushall()
    messages = candidate.make(count)
    candidate.push(client, messages)
    pack = client.connection_pool.get_connection()
    meta = b"x" * 480  # As long as the meta of this task.
    chunks = []
    for start in range(0, count, batch):
        part = []
        for task_id, element in messages[start:start + batch]:
            key = f"celery-task-meta-{task_id}"
            part += [
                # Take.
                ("RPOP", "celery"), ("HSET", "unacked", task_id, element), ("ZADD", "unacked_index", 1, task_id),
                ("SADD", "celeriac.lease.bench", task_id),
                # Settle.
                ("HEXISTS", "unacked", task_id), ("GET", key), ("SETEX", key, 86400, meta), ("PUBLISH", key, meta),
                ("HDEL", "unacked", task_id), ("ZREM", "unacked_index", task_id),
                ("SREM", "celeriac.lease.bench", task_id),
            ]
        chunks.append(b"".join(b"".join(pack.pack_command(*command)) for command in part))
    chunks.append(b"".join(pack.pack_command("ECHO", END)))
    client.connection_pool.release(pack)
    with socket.create_connection(("127.0.0.1", candidate.server.port)) as line:
        began = time.perf_counter()
        sender = threading.Thread(target=lambda: [line.sendall(chunk) for chunk in chunks])
        sender.start()
        tail = b""
        while not tail.endswith(END + b"\r\n"):
            received = line.recv(1 << 20)
            if not received:
                raise SystemExit("redis-server closed the connection")
            tail = (tail + received)[-64:]
        seconds = time.perf_counter() - began
        sender.join()
    if candidate.unfinished(client) or client.exists(*candidate.result_keys(messages)) != count:
        raise SystemExit("the raw commands did not do what the worker does")
    return count / seconds
