"""Waits for the results of the tasks whose ids stand in a file, as a Python client does.

Prints one JSON line: a list of [state, result], in the order of the ids.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from celery import Celery


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--backend", required=True, help="URL of the result backend")
    parser.add_argument("--timeout", type=float, default=60, help="seconds to wait for each result")
    parser.add_argument("ids", type=Path, help="file with an id on each line")
    options = parser.parse_args()
    app = Celery("reader", broker=options.backend, backend=options.backend)
    answer = []
    for task_id in options.ids.read_text().split():
        result = app.AsyncResult(task_id)
        value = result.get(timeout=options.timeout, propagate=False)
        answer.append([result.state, value])
    print(json.dumps(answer, default=str))


if __name__ == "__main__":
    main()
