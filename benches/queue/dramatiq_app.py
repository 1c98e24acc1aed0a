"""The dramatiq application that is measured. Dramatiq always acknowledges late."""
import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import ResultMissing, Results  # noqa: F401, for the measuring side
from dramatiq.results.backends import RedisBackend

backend = RedisBackend(url=os.environ["BENCH_REDIS"])
broker = RedisBroker(url=os.environ["BENCH_REDIS"])
broker.add_middleware(Results(backend=backend))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def noop():
    return None
