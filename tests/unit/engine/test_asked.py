"""RUNS NOW of a plan: the hosts' own word if somebody reads it, the ledger's where a host cannot be asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tagship.errors import ServiceFailed
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp
from tests.fakes.prompt import FakePrompt
from tests.fakes.target import OBSERVATION, FakeTarget, machine

OLD, NEW = "0.1.29-dev", "0.1.30-dev"


def at_a_terminal() -> FakeApp:
    """NEW serves after OLD on two hosts, by the ledger and by both of them; somebody sits at a terminal."""
    app = FakeApp(hosts=FakeTarget([machine("web-1"), machine("web-2")]))
    app.publish(OLD, NEW)
    deploy(app, artifact=OLD)
    deploy(app, artifact=NEW)
    app.hosts.asked.clear()
    return replace(app, prompt=FakePrompt(possible=True))


def shown(app: FakeApp) -> dict[str, str]:
    columns, rows = app.screen.tables[-1]
    assert columns[2] == "RUNS NOW"
    return {row[0]: row[2] for row in rows}


def test_it_is_what_the_hosts_say_not_what_the_ledger_says() -> None:
    app = at_a_terminal()
    app.hosts.machines[1].serving = OLD
    rollback(app, to=OLD, dry_run=True)
    assert shown(app) == {"web-1": NEW, "web-2": OLD}
    assert app.hosts.sent == [("status", "none", ["web-1", "web-2"])], "they are only asked"


def test_a_host_that_serves_nothing_says_so() -> None:
    app = at_a_terminal()
    app.hosts.machines[0].serving = ""
    rollback(app, to=OLD, dry_run=True)
    assert shown(app)["web-1"] == "nothing"


def test_of_a_host_that_gives_no_answer_it_is_the_ledgers_word_and_says_so() -> None:
    app = at_a_terminal()
    app.hosts.machines[0].observed_as = "silent"
    rollback(app, to=OLD, dry_run=True)
    assert shown(app) == {"web-1": f"{NEW} (by the ledger)", "web-2": NEW}


def test_hosts_that_take_too_long_hold_nothing_up() -> None:
    app = at_a_terminal()
    app.hosts.polls = 99
    app.hosts.during = lambda change: app.clock.advance(3) if change is OBSERVATION else None
    assert rollback(app, to=OLD).state == "healthy"
    assert shown(app) == {"web-1": f"{NEW} (by the ledger)", "web-2": f"{NEW} (by the ledger)"}
    assert "not every host answered within 10 s" in app.screen.warnings


def test_a_question_that_cannot_be_asked_holds_nothing_up() -> None:
    app = at_a_terminal()

    def fails(change: object) -> None:
        if change is OBSERVATION:
            raise ServiceFailed("AWS throttles ssm:SendCommand.", remedy="Wait.")

    app.hosts.asking = fails
    assert rollback(app, to=OLD).state == "healthy"
    assert shown(app)["web-1"] == f"{NEW} (by the ledger)"
    assert "could not ask what they run: AWS throttles ssm:SendCommand." in app.screen.warnings


def test_a_heal_marks_what_it_knows_of_a_host_that_is_away() -> None:
    app = at_a_terminal()
    away = machine("web-2", online=False)
    app.hosts.machines[1] = away
    app.hosts.machines[0].serving = OLD
    heal(app, env="dev", dry_run=True)
    assert shown(app) == {"web-1": OLD, "web-2": f"{NEW} (by the ledger)"}


@pytest.mark.parametrize("verb", ["deploy", "rollback"])
def test_in_a_log_nobody_is_asked_and_the_column_says_whose_word_it_is(verb: str) -> None:
    app = replace(at_a_terminal(), prompt=FakePrompt(possible=False))
    if verb == "deploy":
        deploy(app, artifact=NEW, dry_run=True)
    else:
        rollback(app, to=OLD, dry_run=True)
    columns, rows = app.screen.tables[-1]
    assert (columns[2], rows[0][2]) == ("BY THE LEDGER", NEW)
    assert app.hosts.asked == []
