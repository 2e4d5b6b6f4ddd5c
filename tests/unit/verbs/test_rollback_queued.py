"""rollback says which CI runs may deploy over it, asks for that briefly, and says how to have them refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tagship.engine.queued import PATIENCE
from tagship.errors import Incomplete
from tagship.ports.forge import Run
from tagship.verbs.freeze import freeze
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp
from tests.fakes.forge import FakeForge
from tests.fakes.target import machine
from tests.unit.verbs.test_rollback import ONE, THREE, TWO, after

PAGE = "https://github.com/acme/hello/actions/runs"
KEEP = f"inv freeze --env dev --until 8h --reason 'rollback to {ONE}'"


def run(number: int, ref: str, state: str = "queued", name: str = "Deploy") -> Run:
    return Run(str(number), f"{PAGE}/{number}", state, ref=ref, name=name)


def with_runs(*runs: Run) -> tuple[FakeApp, FakeForge]:
    app, forge = after(ONE, TWO), FakeForge()
    forge.going = list(runs)
    app.given["forge"] = forge
    return app, forge


def test_queued_runs_of_the_environment_are_named_with_what_has_them_refused_before_and_after() -> None:
    app, _ = with_runs(run(9, THREE), run(8, "0.1.9-dev", "in_progress"))
    assert rollback(app, to=ONE).state == "healthy"
    named = app.screen.lines.index("warning: 2 CI runs may deploy to dev after this:")
    assert app.screen.lines[named + 1 : named + 4] == [
        f"  {THREE} (queued): {PAGE}/9",
        f"  0.1.9-dev (in_progress): {PAGE}/8",
        f"  to have them refused: {KEEP}",
    ]
    assert app.screen.lines[-1] == f"To keep dev as it is: {KEEP}"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (run(9, "0.1.9-prod"), False),
        (run(9, "feature", name="Lint"), False),
        (run(9, "dev", name="Lint"), False),
        (run(9, "dev", name="Deploy dev"), True),
        (run(4711, THREE), False),  # this very run
        (run(9, THREE), True),
    ],
)
def test_only_what_may_deploy_there_is_named_and_not_the_run_that_goes_back(other: Run, named: bool) -> None:
    app, _ = with_runs(other)
    app.ci.run = "4711"
    rollback(app, to=ONE)
    assert (other.url in app.screen.text) == named


def test_a_freeze_that_is_there_or_is_asked_for_has_them_refused() -> None:
    app, _ = with_runs(run(9, THREE))
    rollback(app, to=ONE, freeze="8h")
    assert "  each will be refused: it is frozen first" in app.screen.lines
    assert KEEP not in app.screen.text
    app, _ = with_runs(run(9, THREE))
    freeze(app, until="8h", reason="the sale")
    rollback(app, to=ONE)
    assert any(line.startswith("  each will be refused: dev is frozen until") for line in app.screen.lines)
    assert KEEP not in app.screen.text


def test_nothing_is_said_if_no_run_is_queued() -> None:
    app, _ = with_runs()
    rollback(app, to=ONE)
    assert " CI" not in app.screen.text
    assert "To keep" not in app.screen.text


def test_without_a_token_and_with_a_forge_that_fails_that_is_said_and_it_goes_back() -> None:
    app = after(ONE, TWO)
    assert rollback(app, to=ONE).state == "healthy"
    assert "CI was not asked which runs are queued: there is no token for it" in app.screen.lines
    app, forge = with_runs(run(9, THREE))
    forge.fails = 1
    assert rollback(app, to=ONE).state == "healthy"
    assert "CI was not asked which runs are queued: GitHub answered 502" in app.screen.lines


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    """What a forge that is away waits for; it comes when the test is over."""
    over = threading.Event()
    yield over
    over.set()


def test_a_forge_that_is_away_holds_it_up_for_two_seconds_at_most(silence: threading.Event) -> None:
    app, forge = with_runs(run(9, THREE))
    forge.during = lambda: silence.wait() and None
    began = time.monotonic()
    assert rollback(app, to=ONE).state == "healthy"
    assert time.monotonic() - began < PATIENCE + 8
    assert "CI was not asked which runs are queued: it did not answer within 2 s" in app.screen.lines


def test_how_to_keep_it_is_said_of_a_rollback_that_could_not_reach_every_host_too() -> None:
    app, _ = with_runs(run(9, THREE))
    app.hosts.machines.append(machine("web-2", online=False))
    with pytest.raises(Incomplete):
        rollback(app, to=ONE)
    assert app.screen.lines[-1] == f"To keep dev as it is: {KEEP}"
