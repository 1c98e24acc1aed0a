"""Submit Agensium analyses to the worker's queue and read their outcomes.

    from agensium_client import AnalysisClient

    with AnalysisClient("redis://localhost:6379/0") as client:
        outcome = client.submit(task_id, user_id).wait(timeout=600)

Start with :class:`AnalysisClient`.
"""

from .client import AnalysisClient, Submission
from .errors import ClientError, ConnectionFailed, OutcomeTimeout, UnexpectedResult
from .outcome import Health, Outcome
from .tls import Tls

__all__ = [
    "AnalysisClient",
    "ClientError",
    "ConnectionFailed",
    "Health",
    "Outcome",
    "OutcomeTimeout",
    "Submission",
    "Tls",
    "UnexpectedResult",
]
