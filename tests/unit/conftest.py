"""Unit tests talk to nobody: a connection, or a program other than git, raises.

Held by an audit hook, so that no library has a way round it. A test whose subject is a program says so with
`@pytest.mark.starts("python")`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tagship.errors import TagshipError
from tests.unit.house.remedies import unpasteable

HERE = Path(__file__).parent


class Guard:
    """What the test that runs may start; None outside of one. An audit hook cannot be taken away again, only told."""

    allowed: set[str] | None = None


class RealIO(BaseException):
    """Not an Exception: nothing that a test calls may catch it and carry on."""


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if Guard.allowed is None:
        return
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        raise RealIO(f"a unit test reached for the network: {event}{arguments[1:]}")
    if event == "subprocess.Popen":
        program = os.path.basename(os.fsdecode(arguments[0] or arguments[1][0]))
        if program not in Guard.allowed:
            raise RealIO(f"a unit test started {program}: {arguments[1]}")
    if event in {"os.system", "os.exec", "os.posix_spawn"}:
        raise RealIO(f"a unit test used {event}: {arguments}")


sys.addaudithook(_hook)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "starts(*programs): what this unit test may start besides git")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if not item.path.is_relative_to(HERE):  # pytest calls this hook for the tests of other folders too
        return (yield)
    marker = item.get_closest_marker("starts")
    Guard.allowed = {"git", *(marker.args if marker else ())}
    try:
        return (yield)
    finally:
        Guard.allowed = None


@pytest.fixture(autouse=True)
def remedies_can_be_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold every error that a unit test meets to the law of remedies."""

    def checked(error: TagshipError, name: str, value: object) -> None:
        assert name != "remedy" or not (odd := unpasteable(str(value))), odd
        object.__setattr__(error, name, value)

    monkeypatch.setattr(TagshipError, "__setattr__", checked, raising=False)


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """A machine whose clock shows Tokyo's time."""
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
