"""A runner that is killed: nothing of its process does anything any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fakes.app import FakeApp


class Died(BaseException):
    """SIGKILL."""


def die(_: object) -> None:
    raise Died


@contextmanager
def cut_off(app: FakeApp) -> Iterator[None]:
    """What happens in here is cut off by a death; then its lease's time runs out."""
    release, let_go = app.leases.release, app.leases.let_go
    app.leases.release = app.leases.let_go = lambda _: None  # type: ignore[assignment,method-assign]
    with pytest.raises(Died):
        yield
    app.leases.release, app.leases.let_go = release, let_go  # type: ignore[method-assign]
    app.hosts.during = app.hosts.asking = lambda _: None
    app.ledger.before = lambda _: None
    app.clock.advance(121)
