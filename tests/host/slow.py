"""A slow line to the registry: what it sends trickles through, so many bytes a second."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.host.ground import command
from tests.host.host import Host
from tests.host.registry import HOST, Registry

PIECE = 4096


class SlowLine:
    """Takes the registry's place at an address of its own, and passes all on; `open` counts what is under way."""

    def __init__(self, registry: Registry, rate: int) -> None:
        self.registry, self.rate, self.open = registry, rate, 0
        self.address = registry.ground.address()
        command("ip", "address", "add", f"{self.address}/{registry.ground.prefix}", "dev", registry.ground.bridge)
        self._listener = socket.create_server((self.address, 443))
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        self.open += 1
        with client, socket.create_connection((self.registry.address, 443)) as server:
            threading.Thread(target=_copy, args=(client, server, 0), daemon=True).start()
            _copy(server, client, self.rate)
        self.open -= 1


def _copy(source: socket.socket, sink: socket.socket, rate: int) -> None:
    with suppress(OSError):
        while data := source.recv(PIECE):
            sink.sendall(data)
            if rate:
                time.sleep(len(data) / rate)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def slow_line(host: Host, registry: Registry, rate: int) -> Iterator[SlowLine]:
    """The host reaches the registry over a slow line while the block runs; after it the line is as fast as any."""
    line, hosts = SlowLine(registry, rate), host.machine.root / "etc/hosts"
    before = hosts.read_text()
    hosts.write_text(before.replace(f"{registry.address} {HOST}", f"{line.address} {HOST}"))
    time.sleep(5.5)  # a program in Go believes for 5 s what it read there
    try:
        yield line
    finally:
        hosts.write_text(before)
        line.rate = 0
