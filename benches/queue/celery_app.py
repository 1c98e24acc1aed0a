"""The Celery application that is measured; also makes the messages for our worker. Everything that is not set is Celery's
default, among it `worker_prefetch_multiplier` 4."""
import os

from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
app.conf.update(
    task_acks_late=True,
    # As the backend has it, and as our worker does by default: the same meta is stored.
    result_extended=True,
    broker_connection_retry_on_startup=True,
)


@app.task(name="celeriac.test.noop")
def noop():
    return None
