"""What the worker answers, as types. Reads stored results; knows nothing of connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Optional

from .errors import UnexpectedResult

# A Celery task that raised has no code of its own; these are the codes that the task's database row carries then.
_CODES_OF_EXCEPTIONS: Mapping[str, str] = {"SoftTimeLimitExceeded": "TIMEOUT"}
_CODE_OF_ANY_EXCEPTION = "CELERY_TASK_FAILURE"


@dataclass(frozen=True)
class Outcome:
    """How an analysis ended.

    A failed analysis (too few credits, unreadable file, ...) is an outcome with ``status`` "error", not an
    exception; so is a Celery task that failed as a whole (hard time limit, lost worker, revoked).
    """

    status: Literal["success", "error"]
    #: The analysis; None in answers that don't name it (unknown task, wrong state).
    task_id: Optional[str]
    #: Which failure: TASK_NOT_FOUND, INVALID_TASK_STATE, BILLING_INSUFFICIENT_CREDITS, ... None on success.
    error_code: Optional[str]
    #: The failure in words for a person. None on success.
    error: Optional[str]
    #: Milliseconds from the start of the task to the end of the agents; None when it did not get that far.
    execution_time_ms: Optional[int]
    #: Celery's state: SUCCESS also for a failed analysis; FAILURE or REVOKED when the Celery task itself failed.
    state: str

    @property
    def ok(self) -> bool:
        """Whether the analysis completed."""
        return self.status == "success"

    @classmethod
    def from_result(cls, state: str, result: object) -> Outcome:
        """Reads what Celery's ``AsyncResult`` holds in a ready state.

        Raises UnexpectedResult when the value is none that ``process_analysis`` returns.
        """
        if isinstance(result, BaseException):
            code = _CODES_OF_EXCEPTIONS.get(type(result).__name__, _CODE_OF_ANY_EXCEPTION)
            return cls("error", None, code, f"{type(result).__name__}: {result}", None, state)
        if not isinstance(result, Mapping):
            raise UnexpectedResult(f"an analysis answers with an object, not with {result!r}")
        status = result.get("status")
        if status != "success" and status != "error":
            raise UnexpectedResult(f"an analysis answers with status success or error, not with {status!r}")
        milliseconds = result.get("execution_time_ms")
        return cls(
            status="success" if status == "success" else "error",
            task_id=_text(result, "task_id"),
            error_code=_text(result, "error_code"),
            error=_text(result, "error"),
            execution_time_ms=int(milliseconds) if isinstance(milliseconds, (int, float)) else None,
            state=state,
        )


@dataclass(frozen=True)
class Health:
    """A worker's answer to a health check."""

    #: "healthy".
    status: str
    #: The worker's node name, such as ``celery@host``.
    worker_id: str

    @classmethod
    def from_result(cls, result: object) -> Health:
        """Reads the value that ``health_check`` returns; UnexpectedResult when it is something else."""
        if isinstance(result, Mapping):
            status, worker = _text(result, "status"), _text(result, "worker_id")
            if status is not None and worker is not None:
                return cls(status, worker)
        raise UnexpectedResult(f"a health check answers with status and worker_id, not with {result!r}")


def _text(result: Mapping[object, object], key: str) -> Optional[str]:
    value = result.get(key)
    return value if isinstance(value, str) else None
