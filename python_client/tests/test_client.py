"""The client against a real Redis and, where an answer is needed, a real Celery worker."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path

import pytest
from celery import Celery
from conftest import RedisServer, celery_worker, running_redis, self_signed_certificate
from pytest import TempPathFactory

from agensium_client import (
    AnalysisClient,
    ConnectionFailed,
    Health,
    Outcome,
    OutcomeTimeout,
    Tls,
    UnexpectedResult,
)

PATIENCE = 60.0


def test_sends_what_the_backend_sends(redis_server: RedisServer) -> None:
    with AnalysisClient(redis_server.url) as client:
        submission = client.submit("8a6e-uuid", 7)

    waiting = redis_server.inspect().lrange("default", 0, -1)
    assert len(waiting) == 1
    message = json.loads(waiting[0])
    # Recorded from the backend: celery-wire.md 1.1.
    body = [["8a6e-uuid", 7], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    assert json.loads(base64.b64decode(message["body"])) == body
    assert message["content-type"] == "application/json"
    headers = message["headers"]
    expected = {
        "lang": "py", "task": "celery_queue.tasks.process_analysis", "id": submission.celery_id,
        "root_id": submission.celery_id, "parent_id": None, "eta": None, "expires": None, "retries": 0,
        "timelimit": [1800, 1500], "argsrepr": "('8a6e-uuid', 7)", "kwargsrepr": "{}", "ignore_result": False,
        "group": None, "shadow": None,
    }
    assert {name: headers[name] for name in expected} == expected
    properties = message["properties"]
    assert properties["delivery_info"] == {"exchange": "", "routing_key": "default"}
    assert properties["correlation_id"] == submission.celery_id
    assert (properties["delivery_mode"], properties["priority"], properties["body_encoding"]) == (2, 0, "base64")


def test_reads_a_success(redis_server: RedisServer, worker: Celery) -> None:
    with AnalysisClient(redis_server.url) as client:
        outcome = client.submit("good", 7).wait(PATIENCE)

    assert outcome == Outcome("success", "good", None, None, 1234, "SUCCESS")
    assert outcome.ok


def test_reads_failed_analyses(redis_server: RedisServer, worker: Celery) -> None:
    with AnalysisClient(redis_server.url) as client:
        poor = client.submit("poor", 7).wait(PATIENCE)
        unknown = client.submit("unknown", 7).wait(PATIENCE)

    text = "user 7 has too few credits"
    assert poor == Outcome("error", "poor", "BILLING_INSUFFICIENT_CREDITS", text, 5, "SUCCESS")
    assert unknown == Outcome("error", None, "TASK_NOT_FOUND", "no such task", None, "SUCCESS")
    assert not poor.ok


def test_a_failed_celery_task_is_an_outcome(redis_server: RedisServer, worker: Celery) -> None:
    with AnalysisClient(redis_server.url) as client:
        broken = client.submit("broken", 7).wait(PATIENCE)
        slow = client.submit("slow", 7).wait(PATIENCE)

    assert broken == Outcome("error", None, "CELERY_TASK_FAILURE", "ValueError: the worker broke", None, "FAILURE")
    assert (slow.error_code, slow.state) == ("TIMEOUT", "FAILURE")


def test_a_revoked_celery_task_is_an_outcome(redis_server: RedisServer) -> None:
    with AnalysisClient(redis_server.url) as client:
        submission = client.submit("good", 7)
        Celery(backend=redis_server.url, set_as_current=False).backend.mark_as_revoked(submission.celery_id, "by hand")
        outcome = submission.wait(PATIENCE)

    assert (outcome.status, outcome.error_code, outcome.state) == ("error", "CELERY_TASK_FAILURE", "REVOKED")


def test_waits_from_another_process_by_id(redis_server: RedisServer, worker: Celery) -> None:
    with AnalysisClient(redis_server.url) as client:
        celery_id = client.submit("good", 7).celery_id

    with AnalysisClient(redis_server.url) as other:
        assert other.wait(celery_id, PATIENCE).ok
        assert other.wait(celery_id, PATIENCE).ok


def test_a_timeout_is_typed_and_can_be_waited_again(redis_server: RedisServer) -> None:
    with AnalysisClient(redis_server.url) as client:
        submission = client.submit("good", 7)
        with pytest.raises(OutcomeTimeout) as timeout:
            submission.wait(0.2)
        with celery_worker(redis_server):
            outcome = submission.wait(PATIENCE)

    assert isinstance(timeout.value, TimeoutError)
    assert outcome.ok


def test_other_names_and_queues(redis_server: RedisServer, worker: Celery) -> None:
    with AnalysisClient(redis_server.url, task_name="other.process_analysis") as client:
        assert client.submit("good", 7).wait(PATIENCE).ok

    with AnalysisClient(redis_server.url, queue="heavy") as client:
        client.submit("good", 7)
    assert redis_server.inspect().llen("heavy") == 1


def test_a_strange_answer_is_refused(redis_server: RedisServer, worker: Celery) -> None:
    with AnalysisClient(redis_server.url) as client, pytest.raises(UnexpectedResult, match="not"):
        client.submit("strange", 7).wait(PATIENCE)


def test_health_check(redis_server: RedisServer, worker: Celery) -> None:
    with AnalysisClient(redis_server.url) as client:
        assert client.health_check(PATIENCE) == Health("healthy", "celery@test")


def test_health_check_without_a_worker(redis_server: RedisServer) -> None:
    with AnalysisClient(redis_server.url) as client, pytest.raises(OutcomeTimeout):
        client.health_check(timeout=0.2)


def test_an_unreachable_broker_is_typed() -> None:
    with socket.socket() as nobody:
        # Bound but not listening: the address refuses, and nobody else can take it.
        nobody.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        with AnalysisClient(url) as client:
            with pytest.raises(ConnectionFailed, match="sending"):
                client.submit("good", 7)
            with pytest.raises(ConnectionFailed, match="waiting"):
                client.wait("some-id", 5)


def test_results_elsewhere_than_the_queue(redis_server: RedisServer, tmp_path_factory: TempPathFactory) -> None:
    with running_redis(tmp_path_factory.mktemp("results")) as results, celery_worker(redis_server, results):
        with AnalysisClient(redis_server.url, results.url) as client:
            assert client.submit("good", 7).wait(PATIENCE).ok

    assert redis_server.inspect().keys("celery-task-meta-*") == []


def test_waiting_goes_on_after_an_outage(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        client = AnalysisClient(server.url)
        submission = client.submit("good", 7)
    with pytest.raises(ConnectionFailed):
        submission.wait(PATIENCE)

    with running_redis(tmp_path, port=server.port):
        with celery_worker(server):
            client.submit("good", 7)
            assert client.submit("good", 7).wait(PATIENCE).ok
    client.close()


def test_tls_as_the_backend_does(tls_redis_server: RedisServer) -> None:
    unverified = Tls(verify=False)
    with celery_worker(tls_redis_server):
        for url in (tls_redis_server.url, tls_redis_server.url.replace("rediss", "redis")):
            with AnalysisClient(url, tls=unverified) as client:
                assert client.submit("good", 7).wait(PATIENCE).ok


def test_tls_verifies(tls_redis_server: RedisServer, tmp_path_factory: TempPathFactory) -> None:
    foreign: Path = self_signed_certificate(tmp_path_factory.mktemp("foreign"))
    with AnalysisClient(tls_redis_server.url, tls=Tls(ca_file=str(tls_redis_server.certificate))) as client:
        client.submit("good", 7)
    for tls in (None, Tls(ca_file=str(foreign))):
        with AnalysisClient(tls_redis_server.url, tls=tls) as client, pytest.raises(ConnectionFailed):
            client.submit("good", 7)
    assert tls_redis_server.inspect().llen("default") == 1
