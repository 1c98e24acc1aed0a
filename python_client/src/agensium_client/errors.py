"""What can go wrong on the client's side. A failed analysis is not here: it is an Outcome."""

from __future__ import annotations


class ClientError(Exception):
    """Any error raised by this package."""


class ConnectionFailed(ClientError):
    """The broker or the result store could not be reached.

    After a failed ``submit`` the message may or may not have been sent; submitting the same task again is safe,
    since the worker processes and bills a task once.
    """


class OutcomeTimeout(ClientError, TimeoutError):
    """No outcome came within the time given. The analysis goes on; waiting again is fine."""


class UnexpectedResult(ClientError):
    """Something answered that is not an analysis worker: the stored result has another form."""
