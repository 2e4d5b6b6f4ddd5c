"""A registry of ill will, or somebody between: what it gets beside the image that it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tagship.adapters.oci.client import RegistryClient
from tagship.adapters.oci.copying import Copying, ImagePlace
from tagship.adapters.oci.logins import Login
from tagship.errors import ServiceFailed
from tests.contract.registries import PASSWORD, USER, Memory, Quiet, an_image, served


@pytest.fixture
def registry() -> Iterator[tuple[Memory, str]]:
    memory = Memory()
    memory.mounts = False
    with served(memory.handler) as host:
        yield memory, host


def client(host: str) -> RegistryClient:
    return RegistryClient(host, lambda: Login(USER, PASSWORD), lambda _: None)


def copy(memory: Memory, host: str) -> None:
    """Send an image from a registry to itself, by an upload."""
    layout = an_image()
    memory.hold("team/app", "1", layout)
    Copying(ImagePlace(client(host), "team/app"), ImagePlace(client(host), "copy")).copy(layout.digest)


def goes_on_at(memory: Memory, location: str) -> None:
    """Have uploads that begin go on somewhere else."""

    def begin(request: Any) -> bool:
        if request.command != "POST" or not request.headers.get("Authorization"):
            return False
        request.body()
        request.answer(202, Location=location)
        return True

    memory.faults.append(begin)


def test_no_other_host_gets_the_credential_by_an_upload_that_goes_on_there(registry: tuple[Memory, str]) -> None:
    """It asks for one, too, and names a realm of its own."""
    memory, host = registry
    seen: list[tuple[str, str | None]] = []

    class Other(Quiet):
        def do_PATCH(self) -> None:  # noqa: N802
            seen.append((self.command, self.headers.get("Authorization")))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.answer(401, WWW_Authenticate=f'Bearer realm="http://{self.headers["Host"]}/token",service="x"')

        def do_GET(self) -> None:  # noqa: N802
            seen.append((self.command, self.headers.get("Authorization")))
            self.answer(200, b'{"token": "x"}')

    with served(Other) as other:
        goes_on_at(memory, f"http://{other}/take")
        with pytest.raises(ServiceFailed):
            copy(memory, host)
    assert seen
    assert set(seen) == {("PATCH", None)}


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://registry.example:80/x"])
def test_an_upload_goes_on_nowhere_that_others_can_read(location: str) -> None:
    class Answer:
        url = "https://registry.example/v2/copy/blobs/uploads/"
        headers = {"Location": location}  # noqa: RUF012

    with pytest.raises(ServiceFailed, match="which anybody can read"):
        client("registry.example")._upload(Answer())  # type: ignore[arg-type]
