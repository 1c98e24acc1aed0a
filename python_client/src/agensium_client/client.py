"""Sending analyses to the queue and waiting for their outcomes.

The message is the one that the Agensium backend sends: same task name, positional arguments, queue and time limits.
This module holds the connection; what comes back is read by ``outcome``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Optional

from celery import Celery
from celery import exceptions as celery_errors
from kombu import exceptions as kombu_errors
from redis import exceptions as redis_errors

from .errors import ConnectionFailed, OutcomeTimeout
from .outcome import Health, Outcome
from .tls import Tls

#: The backend's task name for an analysis.
PROCESS_ANALYSIS = "celery_queue.tasks.process_analysis"
#: The backend's task name for a sign of life.
HEALTH_CHECK = "celery_queue.tasks.health_check"

# The limits (seconds) that the backend's messages carry; they win over the worker's own.
_HARD_LIMIT = 1800
_SOFT_LIMIT = 1500
# How long (seconds) one connection attempt or one answer of Redis may take, as in the backend.
_SOCKET_TIMEOUT = 30
# What fails for want of a connection is tried again this often, after 0.2 s, 0.4 s, ... : some seconds in all, after
# which the caller is told. Celery's own measure for results is 20 times, once a second.
_RETRIES = {"max_retries": 5, "interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}


@dataclass(frozen=True)
class Submission:
    """An analysis that was put on the queue."""

    #: The id of the Celery message; needed to wait for the outcome from another process.
    celery_id: str
    #: The analysis: the key of its row in table ``tasks``.
    task_id: str
    #: The owner, who is billed.
    user_id: int
    _client: AnalysisClient = field(repr=False, compare=False)

    def wait(self, timeout: float) -> Outcome:
        """Waits at most ``timeout`` seconds for the outcome; see :meth:`AnalysisClient.wait`."""
        return self._client.wait(self.celery_id, timeout)


class AnalysisClient:
    """A connection to the queue.

    Made once and used for many submissions, from one thread at a time. It connects when first needed.
    """

    def __init__(
        self,
        broker_url: str,
        result_backend: Optional[str] = None,
        *,
        queue: str = "default",
        task_name: str = PROCESS_ANALYSIS,
        tls: Optional[Tls] = None,
    ) -> None:
        """
        broker_url: the Redis of the queue, ``redis://`` or ``rediss://`` (TLS).
        result_backend: the Redis of the results; default: the broker's.
        queue: the queue that the workers consume.
        task_name: the task to call, for workers that register it under another name.
        tls: how to speak TLS. Given, it is used for ``redis://`` too, as the backend does; not given, a
            ``rediss://`` server is verified against the system's authorities.
        """
        self._queue = queue
        self._task_name = task_name
        broker_url, result_url = _with_scheme(broker_url, tls), _with_scheme(result_backend or broker_url, tls)
        # Two apps: one with results would keep a subscription for every submission, waited for or not.
        sender, results = Celery("agensium", set_as_current=False), Celery("agensium", set_as_current=False)
        sender.conf.update(
            broker_url=broker_url,
            broker_use_ssl=_ssl_setting(broker_url, tls),
            broker_transport_options={"socket_timeout": _SOCKET_TIMEOUT, "socket_connect_timeout": _SOCKET_TIMEOUT},
            task_serializer="json",
            # With the queue as the default one, a message goes to it directly, through no exchange.
            task_default_queue=queue,
            task_default_exchange=queue,
            task_default_routing_key=queue,
            task_publish_retry_policy=_RETRIES,
        )
        results.conf.update(
            result_backend=result_url,
            redis_backend_use_ssl=_ssl_setting(result_url, tls),
            redis_socket_timeout=_SOCKET_TIMEOUT,
            redis_socket_connect_timeout=_SOCKET_TIMEOUT,
            result_backend_transport_options={"retry_policy": _RETRIES},
            result_serializer="json",
            accept_content=["json"],
        )
        self._sender: Any = sender
        self._results: Any = results
        # Its own connection: kombu's pools hand one out by its address alone, whatever its TLS settings.
        self._connection: Any = sender.connection_for_write()

    def submit(self, task_id: str, user_id: int) -> Submission:
        """Puts the analysis of row ``task_id`` (state QUEUED), owned by ``user_id``, on the queue.

        Raises ConnectionFailed when the broker cannot be reached.
        """
        args = (task_id, user_id)
        celery_id = self._send(self._task_name, args, time_limit=_HARD_LIMIT, soft_time_limit=_SOFT_LIMIT)
        return Submission(celery_id, task_id, user_id, self)

    def wait(self, celery_id: str, timeout: float) -> Outcome:
        """Waits at most ``timeout`` seconds for the outcome of the message ``celery_id``.

        May be called again, also from another process, while the result is kept (the worker keeps it for a day).
        Raises OutcomeTimeout when it has not come, ConnectionFailed when the result store cannot be reached,
        UnexpectedResult when the answer is none of an analysis.
        """
        state, value = self._get(celery_id, timeout)
        return Outcome.from_result(state, value)

    def health_check(self, timeout: float = 10.0) -> Health:
        """Asks any one worker of the queue for a sign of life and waits at most ``timeout`` seconds for it.

        Raises OutcomeTimeout when no worker answered: there is none, or all are busy. The question stays on the
        queue for as long as it may be answered in time, no longer.
        """
        celery_id = self._send(HEALTH_CHECK, (), expires=timeout)
        _, value = self._get(celery_id, timeout)
        return Health.from_result(value)

    def close(self) -> None:
        """Closes the connections. The client must not be used afterwards."""
        self._connection.release()
        self._sender.close()
        self._results.close()

    def __enter__(self) -> AnalysisClient:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _send(self, name: str, args: tuple[object, ...], **options: object) -> str:
        with _connection_errors(f"sending {name} to queue {self._queue}"):
            result = self._sender.send_task(
                name, args=args, queue=self._queue, ignore_result=False, connection=self._connection, **options
            )
        return str(result.id)

    def _get(self, celery_id: str, timeout: float) -> tuple[str, object]:
        """Celery's state and the value of a finished task; the value of a failed one is its exception."""
        doing = f"waiting for the result of {celery_id}"
        result = self._results.AsyncResult(celery_id)
        try:
            with _connection_errors(doing):
                value = result.get(timeout=timeout, propagate=False)
                return str(result.state), value
        except celery_errors.TimeoutError as error:
            with _connection_errors(doing):
                result.backend.remove_pending_result(result)
            raise OutcomeTimeout(f"no result of {celery_id} within {timeout:g} s") from error
        finally:
            # Left to its destructor, unsubscribing would happen at any later time, and would try for seconds to reach
            # a server that may be gone by then.
            result.backend = None


def _with_scheme(url: str, tls: Optional[Tls]) -> str:
    """Celery 5.3 refuses TLS settings for the results together with a plain scheme."""
    return "rediss://" + url[len("redis://") :] if tls is not None and url.startswith("redis://") else url


def _ssl_setting(url: str, tls: Optional[Tls]) -> Optional[dict[str, object]]:
    if tls is not None:
        return tls.as_celery_setting()
    return Tls().as_celery_setting() if url.startswith("rediss://") else None


@contextlib.contextmanager
def _connection_errors(doing: str) -> Iterator[None]:
    """Turns what Celery, kombu and redis-py raise for a server out of reach into ConnectionFailed."""
    try:
        yield
    except (kombu_errors.OperationalError, redis_errors.RedisError) as error:
        raise ConnectionFailed(f"{doing}: {error}") from error
    except RuntimeError as error:
        # Celery's way of saying that it has stopped trying to reach the result store.
        raise ConnectionFailed(f"{doing}: {' '.join(str(error).split())}") from error
