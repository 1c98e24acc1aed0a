"""What is compared: how each is started, how its messages are made, and how one sees that they are done."""
import importlib
import json
import os
import sys
import time
import uuid
from pathlib import Path

import build

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent.parent / "tests" / "peers"
BIN = Path(sys.executable).parent
TASK = "celeriac.test.noop"
QUEUE = "celery"
META = "celery-task-meta-"


class CeleryProtocol:
    """Messages, results and acknowledgements as Celery has them on Redis."""

    def __init__(self, name, server, command, peer):
        self.name, self.server, self.command, self.peer = name, server, command, peer
        self.environment = {"BENCH_REDIS": server.url, "PYTHONPATH": str(HERE)}
        os.environ["BENCH_REDIS"] = server.url
        sys.modules.pop("celery_app", None)
        app = importlib.import_module("celery_app").app
        sent = app.send_task(TASK)
        self.template = server.client.rpop(QUEUE)
        self.template_id = sent.id
        # kombu's own tag, in the properties.
        self.template_tag = json.loads(self.template)["properties"]["delivery_tag"]
        app.close()
        server.client.flushall()

    def make(self, count):
        """`count` messages as Celery made one, each with an id and a tag of its own: [(id, element)]."""
        made = []
        for _ in range(count):
            task_id, tag = str(uuid.uuid4()), str(uuid.uuid4())
            element = self.template.replace(self.template_id.encode(), task_id.encode())
            made.append((task_id, element.replace(self.template_tag.encode(), tag.encode())))
        return made

    def push(self, client, messages):
        with client.pipeline(transaction=False) as pipe:
            for start in range(0, len(messages), 500):
                pipe.lpush(QUEUE, *(element for _, element in messages[start:start + 500]))
            pipe.execute()

    def unfinished(self, client):
        """Messages that are waiting or not acknowledged."""
        with client.pipeline(transaction=False) as pipe:
            return sum(pipe.llen(QUEUE).hlen("unacked").execute())

    def result_keys(self, messages):
        return [META + task_id for task_id, _ in messages]

    def is_success(self, client, message):
        stored = client.get(META + message[0])
        return stored is not None and json.loads(stored)["status"] == "SUCCESS"

    def listen(self, client):
        listener = client.pubsub(ignore_subscribe_messages=True)
        listener.psubscribe(META + "*")
        listener.get_message(timeout=1)
        return listener

    def wait_result(self, listener, message, timeout):
        """Waits until the result of `message` is told to those who wait for it."""
        channel = (META + message[0]).encode()
        while told := listener.get_message(timeout=timeout):
            if told["channel"] == channel:
                return True
        return False


class RustPeer(CeleryProtocol):
    """rusty-celery and its fork celery-rs: Celery's messages, but a hash of their own for what is not acknowledged. Nobody
    is told of a result, and only the fork stores any."""

    HELD = f"_celery.{QUEUE}_process_map"

    def __init__(self, name, server, package, stores_results):
        program = build.release(package, PEERS)
        super().__init__(name, server, [program, "work", server.url, QUEUE, "2"], peer=True)
        self.stores_results = stores_results

    def unfinished(self, client):
        with client.pipeline(transaction=False) as pipe:
            return sum(pipe.llen(QUEUE).hlen(self.HELD).execute())

    def result_keys(self, messages):
        return super().result_keys(messages) if self.stores_results else []

    def is_success(self, client, message):
        return super().is_success(client, message) if self.stores_results else self.unfinished(client) == 0

    def listen(self, client):
        return client

    def wait_result(self, listener, message, timeout):
        # As its client waits: by looking again and again.
        end = time.perf_counter() + timeout
        while time.perf_counter() < end:
            done = listener.exists(META + message[0]) if self.stores_results else self.unfinished(listener) == 0
            if done:
                return True
            time.sleep(0.001)
        return False


class Dramatiq:
    """Dramatiq's lists, hash of messages and results."""

    def __init__(self, name, server, command):
        self.name, self.server, self.command, self.peer = name, server, command, True
        self.environment = {"BENCH_REDIS": server.url, "PYTHONPATH": str(HERE)}
        os.environ["BENCH_REDIS"] = server.url
        self.app = importlib.import_module("dramatiq_app")
        self.queue = "dramatiq:" + self.app.noop.queue_name

    def make(self, count):
        made = []
        for _ in range(count):
            message = self.app.noop.message()
            parked = str(uuid.uuid4())
            made.append((message, parked, message.copy(options={"redis_message_id": parked}).encode()))
        return made

    def push(self, client, messages):
        # What its broker's `enqueue` script writes.
        with client.pipeline(transaction=False) as pipe:
            for _, parked, encoded in messages:
                pipe.hset(self.queue + ".msgs", parked, encoded)
                pipe.rpush(self.queue, parked)
            pipe.execute()

    def unfinished(self, client):
        return client.hlen(self.queue + ".msgs")

    def result_keys(self, messages):
        return [self.app.backend.build_message_key(message) for message, _, _ in messages]

    def is_success(self, client, message):
        try:
            return self.app.backend.get_result(message[0]) is None
        except self.app.ResultMissing:
            return False

    def listen(self, client):
        return client

    def wait_result(self, listener, message, timeout):
        # As its backend waits for a result.
        key = self.result_keys([message])[0]
        return listener.brpoplpush(key, key, timeout) is not None


def candidates(server, worker, loglevel, only):
    """What is compared, all or those whose name begins as `only` says; `server()` starts a private redis-server."""
    def ours(name, *flags):
        private = server()
        command = [str(worker), "worker", "--with-test-tasks", "-b", private.url, "--result-backend", private.url,
                   "-Q", QUEUE, "-c", "2", "-l", loglevel, "--logformat", "text", *flags]
        return CeleryProtocol(name, private, command, peer=False)

    def celery(name, pool):
        command = [str(BIN / "celery"), "-A", "celery_app", "worker", "-c", "2", "-P", pool, "-l", loglevel]
        return CeleryProtocol(name, server(), command, peer=True)

    def dramatiq(name):
        return Dramatiq(name, server(), [str(BIN / "dramatiq"), "dramatiq_app", "--processes", "2", "--threads", "1"])

    every = {
        "ours": ours,
        "ours, prefetch 4": lambda name: ours(name, "--prefetch-multiplier", "4"),
        "ours, prefetch 64": lambda name: ours(name, "--prefetch-multiplier", "64"),
        "celery prefork": lambda name: celery(name, "prefork"),
        "celery threads": lambda name: celery(name, "threads"),
        "rusty-celery": lambda name: RustPeer(name, server(), "peer-rusty-celery", stores_results=False),
        "celery-rs": lambda name: RustPeer(name, server(), "peer-celery-rs", stores_results=True),
        "dramatiq": dramatiq,
    }
    return [make(name) for name, make in every.items() if only is None or name.startswith(tuple(only))]
