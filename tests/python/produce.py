"""Sends `celeriac.test.echo(number=N)` for a range of numbers, as a Python producer does, and prints the ids."""

from __future__ import annotations

import argparse

from celery import Celery


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--broker", required=True, help="URL of the broker")
    parser.add_argument("--queue", default="default", help="queue to send to")
    parser.add_argument("--first", type=int, required=True, help="first number")
    parser.add_argument("--count", type=int, required=True, help="how many")
    options = parser.parse_args()
    app = Celery("producer", broker=options.broker, backend=options.broker)
    for number in range(options.first, options.first + options.count):
        sent = app.send_task("celeriac.test.echo", kwargs={"number": number}, queue=options.queue)
        print(sent.id)


if __name__ == "__main__":
    main()
