"""TLS settings of a Redis connection, in this package's and in Celery's words."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Tls:
    """How to speak TLS with Redis. The default verifies the server against the system's authorities.

    The Agensium backend uses ``Tls(verify=False)`` for every URL.
    """

    #: Whether the server must show a certificate that can be verified for its name.
    verify: bool = True
    #: PEM file with the authorities to trust instead of the system's.
    ca_file: Optional[str] = None
    #: PEM files with the client's own certificate and its key, for servers that ask for one.
    cert_file: Optional[str] = None
    key_file: Optional[str] = None

    def as_celery_setting(self) -> dict[str, object]:
        """The value for Celery's ``broker_use_ssl`` and ``redis_backend_use_ssl``."""
        setting: dict[str, object] = {
            "ssl_cert_reqs": ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE,
            "ssl_check_hostname": self.verify,
        }
        files = {"ssl_ca_certs": self.ca_file, "ssl_certfile": self.cert_file, "ssl_keyfile": self.key_file}
        setting.update({name: path for name, path in files.items() if path is not None})
        return setting
