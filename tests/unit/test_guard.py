"""The guard of the unit tests does guard."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.unit.conftest import RealIO


def test_a_connection_raises() -> None:
    with pytest.raises(RealIO):
        socket.create_connection(("127.0.0.1", 9))


def test_a_request_raises_and_is_not_caught_as_an_ordinary_error() -> None:
    with pytest.raises(RealIO):
        urllib.request.urlopen("http://127.0.0.1:9/")


def test_a_program_raises() -> None:
    with pytest.raises(RealIO, match="started"):
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_git_may_be_started() -> None:
    assert subprocess.run(["git", "--version"], check=True, capture_output=True).stdout.startswith(b"git version")
