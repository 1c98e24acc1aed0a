"""Puts back unacknowledged messages as a Python worker's sweep does, with the real kombu.

A message is put back when its entry in `unacked_index` is older than --visibility-timeout seconds (0: all of them).
Prints one JSON line: {"unacked_before", "unacked_after", "restored"}, where "restored" lists what then waits in the
given queues, next to be taken first, as [queue, message].
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys

from kombu.connection import Connection


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--broker", required=True, help="URL of the broker")
    parser.add_argument("--queue", action="append", default=[], help="queue to show afterwards (may be repeated)")
    parser.add_argument("--visibility-timeout", type=float, default=0, help="seconds")
    parser.add_argument("--tls", choices=["none", "unverified"], default="none",
                        help="unverified: TLS whatever the URL says, any certificate")
    options = parser.parse_args()

    tls = {"ssl_cert_reqs": ssl.CERT_NONE} if options.tls == "unverified" else False
    transport_options = {"visibility_timeout": options.visibility_timeout}
    with Connection(options.broker, ssl=tls, transport_options=transport_options) as connection:
        channel = connection.channel()
        client = channel.client
        before = client.hlen(channel.unacked_key)
        # As often as called, and without the limit that a worker may set.
        channel.qos.restore_visible(start=0, num=None, interval=1)
        restored = []
        for queue in options.queue:
            for step in channel.priority_steps:
                # The right end is the front.
                for element in reversed(client.lrange(channel._q_for_pri(queue, step), 0, -1)):
                    restored.append([queue, json.loads(element)])
        answer = {"unacked_before": before, "unacked_after": client.hlen(channel.unacked_key), "restored": restored}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
