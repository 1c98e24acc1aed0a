"""A Python worker that serves tasks of the same names as our try-out tasks, with late acknowledgement.

It sweeps for overdue messages every second, where a worker without these options does every 100 s.
"""

from __future__ import annotations

import argparse
import time

from celery import Celery


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--broker", required=True, help="URL of the broker and of the results")
    parser.add_argument("--queue", default="default", help="queue to take messages from")
    parser.add_argument("--visibility-timeout", type=float, default=3600, help="seconds")
    options = parser.parse_args()

    app = Celery("peer_worker", broker=options.broker, backend=options.broker)
    app.conf.update(
        task_default_queue=options.queue,
        task_acks_late=True,
        result_extended=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": options.visibility_timeout,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
        },
    )

    @app.task(name="celeriac.test.echo")
    def echo(*args, **kwargs):
        return {"args": args, "kwargs": kwargs}

    @app.task(name="celeriac.test.noop")
    def noop():
        return None

    @app.task(name="celeriac.test.sleep")
    def sleep(seconds):
        time.sleep(seconds)

    app.worker_main([
        "worker", "-P", "threads", "-c", "1", "-n", "python@%h", "-l", "info",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ])


if __name__ == "__main__":
    main()
