"""What a person is told to do depends on what a registry answered."""

from __future__ import annotations

from typing import Any

import pytest

from tagship.adapters.oci.client import RegistryClient
from tagship.adapters.oci.logins import Login
from tagship.errors import ServiceFailed
from tests.contract.registries import PASSWORD, USER, Memory, served


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
