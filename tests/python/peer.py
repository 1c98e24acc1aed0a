"""A Celery client that stays up and does what it is asked to, so that many tests pay for one start of Python.

Takes requests from the list `todo` of the Redis at --control: {"id", "broker", "settings", "code", "input"}. Runs the
code with `app` (a Celery app of that broker and these settings) and `input` in reach, and pushes to the list
`answer:ID` either {"answer"}, what the code left in the variable of that name, or {"error"}, a traceback.
"""

from __future__ import annotations

import argparse
import json
import textwrap
import traceback

import redis
from celery import Celery


def carry_out(request: dict[str, object]) -> dict[str, object]:
    app = Celery("peer", broker=request["broker"], backend=request["broker"])
    app.conf.update({"task_default_queue": "default", **request["settings"]})
    scope = {"app": app, "input": request["input"], "answer": None}
    try:
        exec(compile(textwrap.dedent(request["code"]), "<request>", "exec"), scope)
    except Exception:
        return {"error": traceback.format_exc()}
    return {"answer": scope["answer"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--control", required=True, help="URL of the Redis with the requests")
    options = parser.parse_args()
    control = redis.Redis.from_url(options.control)
    while True:
        _, text = control.blpop(["todo"])
        request = json.loads(text)
        control.rpush(f"answer:{request['id']}", json.dumps(carry_out(request)))


if __name__ == "__main__":
    main()
