"""Sends one Celery message as a Python producer does and waits for its result.

Prints one JSON line: {"id", "state", "result"}; a failed task's result is {"exc_type", "exc_message"}.
With --no-wait only {"id"}. Exit code 3 when no result came in time.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys

from celery import Celery
from celery.exceptions import TimeoutError as ResultTimeout


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("task", help="task name")
    parser.add_argument("--broker", required=True, help="URL of the broker")
    parser.add_argument("--backend", help="URL of the result backend (default: the broker's)")
    parser.add_argument("--args", default="[]", help="positional arguments, a JSON array")
    parser.add_argument("--kwargs", default="{}", help="keyword arguments, a JSON object")
    parser.add_argument("--queue", help="queue (default: where an app without settings sends)")
    parser.add_argument("--id", help="task id (default: a new one)")
    parser.add_argument("--options", default="{}", help="further options of send_task, a JSON object")
    parser.add_argument("--settings", default="{}", help="further settings of the app, a JSON object")
    parser.add_argument("--tls", choices=["none", "unverified"], default="none",
                        help="unverified: TLS whatever the URL says, any certificate, as the backend does")
    parser.add_argument("--no-wait", action="store_true", help="only send")
    parser.add_argument("--timeout", type=float, default=60, help="seconds to wait for the result")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    app = Celery("backend", broker=options.broker, backend=options.backend or options.broker)
    if options.tls == "unverified":
        app.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_NONE}
        app.conf.redis_backend_use_ssl = {"ssl_cert_reqs": ssl.CERT_NONE}
    app.conf.update(json.loads(options.settings))
    extra = json.loads(options.options)
    if options.queue:
        extra["queue"] = options.queue
    sent = app.send_task(
        options.task, args=json.loads(options.args), kwargs=json.loads(options.kwargs), task_id=options.id, **extra
    )
    answer: dict[str, object] = {"id": sent.id}
    if not options.no_wait:
        try:
            value = sent.get(timeout=options.timeout, propagate=False)
        except ResultTimeout:
            print(f"no result of {sent.id} within {options.timeout:g} s", file=sys.stderr)
            return 3
        if isinstance(value, BaseException):
            value = {"exc_type": type(value).__name__, "exc_message": [str(part) for part in value.args]}
        answer.update(state=sent.state, result=value)
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
