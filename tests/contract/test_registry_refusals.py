"""What a person is told to do depends on what a registry answered."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tagship.adapters.oci.client import RegistryClient
from tagship.adapters.oci.logins import Login
from tagship.errors import ServiceFailed
from tests.contract.registries import PASSWORD, USER, Memory, Quiet, served

MUCH = 256 * 1024 * 1024  # bytes: more than any socket holds


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (403, "Log in: docker login {host}"),
        (429, "Run the same command again in a few minutes"),
        (503, "Run the same command again in a few minutes"),
        (416, "Ask who runs {host}, then run the same command again"),
    ],
)
def test_what_to_do_depends_on_the_answer(status: int, remedy: str) -> None:
    memory = Memory()

    def refuse(request: Any) -> bool:
        request.answer(status)
        return True

    memory.faults += [refuse] * 20
    with served(memory.handler) as host, pytest.raises(ServiceFailed) as caught:
        RegistryClient(host, lambda: Login(USER, PASSWORD), lambda _: None).manifest("team/app", "1")
    assert caught.value.remedy == remedy.format(host=host)


@pytest.mark.parametrize("status", [200, 403, 404, 503])
@pytest.mark.parametrize("asked", ["manifest", "token"])
def test_of_a_body_without_an_end_only_its_beginning_is_read(asked: str, status: int) -> None:
    """Whoever stands for a registry neither fills the memory nor holds a deployment up."""
    sent = [0]

    class Endless(Quiet):
        def do_GET(self) -> None:  # noqa: N802
            if asked == "token" and "/token" not in self.path:
                return self.answer(401, WWW_Authenticate=f'Bearer realm="http://{self.headers["Host"]}/token"')
            self.send_response(status)
            self.end_headers()
            sent[0] = 0
            with suppress(OSError):  # it was hung up on
                while sent[0] < MUCH:
                    sent[0] += self.wfile.write(b"x" * 65_536)
            return None

    with served(Endless) as host, suppress(ServiceFailed):  # a manifest that is not there is an answer
        RegistryClient(host, lambda: Login(USER, PASSWORD), lambda _: None).manifest("team/app", "1")
    assert sent[0] < MUCH


def test_the_words_of_a_refusal_are_read_as_they_come() -> None:
    memory = Memory()
    body = b'{"errors": [{"code": "DENIED", "message": "not yours"}]}'

    def refuse(request: Any) -> bool:
        request.answer(403, body)
        return True

    memory.faults += [refuse] * 20
    with served(memory.handler) as host, pytest.raises(ServiceFailed, match=r"403 \(DENIED not yours\)"):
        RegistryClient(host, lambda: Login(USER, PASSWORD), lambda _: None).manifest("team/app", "1")
