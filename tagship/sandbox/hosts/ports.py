"""Ports for hosts to listen on."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass, field

RANGE = range(10_000, 20_000)  # apart from the ports that versions are started on (free_port of deploy/host/proxy.sh)


@dataclass
class Ports:
    """Ports of 127.0.0.1, each given once.

    A host listens on its port only after its first deployment.
    """

    given: set[int] = field(default_factory=set)

    def free(self) -> int:
        """Return a port that is free and not given. Raises OSError."""
        for port in random.sample(RANGE, len(RANGE)):  # nosec B311 (a port that is likely free, not a secret)
            if port not in self.given and _is_free(port):
                self.given.add(port)
                return port
        raise OSError(f"no port from {RANGE[0]} to {RANGE[-1]} is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
