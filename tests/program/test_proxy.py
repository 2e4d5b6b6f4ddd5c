"""A machine behind a proxy: the sandbox is on loopback, and no proxy has a part in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.sandbox import state
from tagship.sandbox.state import Running


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Path]:
    """A repository whose sandbox is up, as far as its file and its daemon's lock tell."""
    folder = tmp_path / state.FOLDER
    folder.mkdir(parents=True)
    url, keys = "http://127.0.0.1:1", folder / "keys"
    state.write(Running(folder, os.getpid(), url, f"{url}/github", keys / "key", keys / "pub", folder / "origin.git"))
    with (folder / state.LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


@pytest.mark.parametrize("exempt", ["", "example.org"])
def test_a_running_sandbox_is_reached_past_a_proxy(up: Path, monkeypatch: pytest.MonkeyPatch, exempt: str) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, exempt)
    assert state.locate(up)
    for name in ("no_proxy", "NO_PROXY"):
        assert os.environ[name].split(",") == [*filter(None, [exempt]), "127.0.0.1"]


def test_without_a_sandbox_proxies_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")
    assert state.locate(tmp_path) is None
    assert os.environ["NO_PROXY"] == "example.org"
