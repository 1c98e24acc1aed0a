"""A private Redis, plain and TLS, and a real Celery worker for each test that asks for them."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import pytest
import redis
from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.exceptions import SoftTimeLimitExceeded
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class RedisServer:
    """A running redis-server. ``socket`` reaches it without TLS."""

    url: str
    socket: Path
    certificate: Optional[Path] = None

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1].split("/")[0])

    def inspect(self) -> Any:
        return redis.Redis(unix_socket_path=str(self.socket), decode_responses=True)


def free_port() -> int:
    """A port below the range from which the system takes the client side of connections."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def running_redis(folder: Path, certificate: Optional[Path] = None, port: int = 0) -> Iterator[RedisServer]:
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed: run docker-free-scripts/setup"
    port = port or free_port()
    plain, tls = (0, port) if certificate else (port, 0)
    command = [
        # Ends with the test process, however that ends.
        "setpriv", "--pdeathsig", "KILL", "--",
        program, "--port", str(plain), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
        "--unixsocket", str(folder / "redis.sock"),
    ]
    if certificate:
        command += ["--tls-port", str(tls), "--tls-auth-clients", "no", "--tls-ca-cert-file", str(certificate)]
        command += ["--tls-cert-file", str(certificate), "--tls-key-file", str(certificate.with_suffix(".key"))]
    scheme = "rediss" if certificate else "redis"
    server = RedisServer(f"{scheme}://127.0.0.1:{port}/0", folder / "redis.sock", certificate)
    log = folder / "redis.log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            while not answers(server):
                assert process.poll() is None, f"redis-server ended at start:\n{log.read_text()}"
                time.sleep(0.01)
            yield server
        finally:
            process.kill()


def answers(server: RedisServer) -> bool:
    try:
        return bool(server.inspect().ping())
    except redis.ConnectionError:
        return False


def self_signed_certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agensium-client tests")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.with_suffix(".key").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return path


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def tls_redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path, self_signed_certificate(tmp_path)) as server:
        yield server


@pytest.fixture
def worker(redis_server: RedisServer) -> Iterator[Celery]:
    """A Celery worker with the backend's task names, whose answers are those of platform.md 1.2."""
    with celery_worker(redis_server) as app:
        yield app


@contextlib.contextmanager
def celery_worker(server: RedisServer, results: Optional[RedisServer] = None) -> Iterator[Celery]:
    app = Celery("python-worker", broker=server.url, backend=(results or server).url, set_as_current=False)
    app.conf.update(task_default_queue="default", accept_content=["json"], result_extended=True)
    if server.certificate:
        app.conf.update(broker_use_ssl={"ssl_cert_reqs": "none"}, redis_backend_use_ssl={"ssl_cert_reqs": "none"})

    def process_analysis(task_id: str, user_id: int) -> object:
        answers: dict[str, object] = {
            "good": {"status": "success", "task_id": task_id, "execution_time_ms": 1234},
            "poor": {
                "status": "error", "task_id": task_id, "error": f"user {user_id} has too few credits",
                "error_code": "BILLING_INSUFFICIENT_CREDITS", "execution_time_ms": 5,
            },
            "unknown": {"status": "error", "error": "no such task", "error_code": "TASK_NOT_FOUND"},
            "strange": ["not", "an", "analysis"],
        }
        if task_id == "slow":
            raise SoftTimeLimitExceeded()
        if task_id == "broken":
            raise ValueError("the worker broke")
        return answers[task_id]

    def health_check() -> object:
        return {"status": "healthy", "worker_id": "celery@test", "task_id": "some-id"}

    app.task(name="celery_queue.tasks.process_analysis", shared=False)(process_analysis)
    app.task(name="other.process_analysis", shared=False)(process_analysis)
    app.task(name="celery_queue.tasks.health_check", shared=False)(health_check)
    with start_worker(app, pool="solo", perform_ping_check=False, queues=["default"], shutdown_timeout=30):
        yield app
