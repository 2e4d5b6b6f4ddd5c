"""rollback without a name, by two people or while a deployment goes on: what was shown is what is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tagship.domain.deployment import Entry
from tagship.domain.standing import marked_bad
from tagship.errors import Held, Refused
from tagship.verbs.deploy import deploy
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp
from tests.fakes.prompt import FakePrompt
from tests.unit.verbs.test_rollback import ONE, THREE, TWO, after

FOUR = "0.1.4-dev"


def meanwhile(app: FakeApp, act: Callable[[FakeApp], object]) -> None:
    """Grace holds dev; during the first pause of whoever waits, she acts and lets go."""
    record = app.leases.take("dev", holder="grace@desk", run_url="", ttl=120, deployment_id="hers")

    def during(slept: float) -> None:
        if slept and "hers" in str(app.leases.records):
            app.leases.release(record)
            app.clock.advance(60)
            act(replace(app, who="grace@desk", prompt=FakePrompt(possible=False)))

    app.clock.during = during


def sent(app: FakeApp) -> list[str]:
    return [artifact for action, artifact, _ in app.hosts.sent if action == "rollback"]


def shipped(app: FakeApp) -> None:
    app.publish(FOUR)
    deploy(app, artifact=FOUR)


def under_way(app: FakeApp, action: str, artifact: str, replaced: str) -> None:
    """A deployment that has begun, and not ended."""
    for number, state in enumerate(("requested", "started"), 1):
        app.ledger.append(
            Entry(
                f"{app.clock.now():%Y%m%d-%H%M%S}-999999-abcdef",  # the latest
                number,
                state,
                app.clock.now().isoformat(),
                "hello",
                "dev",
                action,
                artifact,
                "grace@desk",
                "",
                replaced=replaced,
                fence=9,
            )
        )


# -- by two people -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["", TWO])
def test_of_two_that_go_back_at_once_the_second_finds_it_done(to: str) -> None:
    app = after(ONE, TWO, THREE)
    meanwhile(app, lambda hers: rollback(hers, yes=True))
    result = rollback(app, to=to, yes=not to, wait="10m")
    assert (result.state, result.plan.artifact_id) == ("unchanged", TWO)
    assert sent(app) == [TWO]
    assert marked_bad(app.ledger.deployments("dev")) == {THREE}
    assert f"{TWO} runs on dev now (rollback by grace@desk, 2026-11-20 12:04 UTC): every host confirms it" in (
        app.screen.lines
    )


def test_where_the_other_ones_did_not_reach_every_host_the_second_reaches_the_rest() -> None:
    app = after(ONE, TWO, THREE)

    def half(hers: FakeApp) -> None:
        rollback(hers, yes=True)
        app.hosts.machines[0].serving = THREE

    meanwhile(app, half)
    assert rollback(app, yes=True, wait="10m").state == "healthy"
    assert sent(app) == [TWO, TWO]
    assert app.hosts.serving == {"web-1": TWO}


# -- a world that changed ----------------------------------------------------------------------------------------------


def test_without_anybody_to_ask_another_version_that_runs_by_then_is_refused_with_both_ways() -> None:
    app = after(ONE, TWO, THREE)
    meanwhile(app, shipped)
    with pytest.raises(Refused) as caught:
        rollback(app, yes=True, wait="10m")
    assert caught.value.exit_code == 3
    assert caught.value.what == (
        f"dev changed since this was planned: it runs {FOUR} (deploy by grace@desk, 2026-11-20 12:04 UTC), not {THREE}."
    )
    assert caught.value.state == f"Nothing was changed. {FOUR} serves dev."
    assert caught.value.remedy == (
        f"Go back from {FOUR}: inv rollback --to {THREE} --env dev\n"
        f"       Or go to {TWO}, as was shown: inv rollback --to {TWO} --env dev"
    )
    assert sent(app) == []
    seen = app.leases.look("dev")
    assert seen is not None
    assert not seen.record.holder
    assert rollback(app, to=THREE, env="dev").state == "healthy"


def test_somebody_who_went_back_further_is_looked_at_first() -> None:
    app = after(ONE, TWO, THREE)
    meanwhile(app, lambda hers: rollback(hers, to=ONE))
    with pytest.raises(Refused) as caught:
        rollback(app, yes=True, wait="10m")
    assert f"it runs {ONE} (rollback by grace@desk" in caught.value.what
    named = f"inv rollback --to {TWO} --env dev"
    assert caught.value.remedy == f"Look: inv status --env dev\n       Then, to go to {TWO} as was shown: {named}"
    assert rollback(app, to=TWO, env="dev").state == "healthy"


def test_a_person_is_shown_what_changed_and_asked_again_without_holding_the_lease() -> None:
    app = after(ONE, TWO, THREE)
    app.prompt = FakePrompt(TWO, THREE)
    meanwhile(app, shipped)
    held: list[str] = []
    ask = app.prompt.choose

    def choose(question: str, choices: dict[str, str]) -> str:
        seen = app.leases.look("dev")
        held.append(seen.record.holder if seen else "")
        return ask(question, choices)

    app.prompt.choose = choose  # type: ignore[assignment,method-assign]
    result = rollback(app, wait="10m")
    assert app.prompt.asked == [f"Roll dev back from {THREE} to", f"Roll dev back from {FOUR} to"]
    assert (result.plan.replaces, result.plan.artifact_id) == (FOUR, THREE)
    assert any(f"it runs {FOUR}" in warning for warning in app.screen.warnings)
    assert held == ["grace@desk", ""]


def test_a_version_that_somebody_marked_bad_meanwhile_is_not_gone_to() -> None:
    app = after(ONE, TWO, THREE)
    meanwhile(app, lambda hers: mark_bad(hers, version=TWO, reason="it sends every mail twice"))
    with pytest.raises(Refused, match="is marked bad on dev: grace@desk marked it bad"):
        rollback(app, yes=True, wait="10m", env="dev")
    assert sent(app) == []


# -- while a deployment goes on ----------------------------------------------------------------------------------------


def test_a_deployment_under_way_is_shown_and_what_serves_before_it_is_what_it_goes_back_to() -> None:
    app = after(ONE, TWO)
    app.publish(THREE)
    under_way(app, "deploy", THREE, TWO)
    plan = rollback(app, yes=True, dry_run=True).plan
    assert plan.artifact_id == TWO
    assert f"not ended: deploy of {THREE} by grace@desk; it is taken back" in app.screen.lines


def test_a_deployment_that_was_under_way_and_is_healthy_by_then_is_taken_back_as_was_shown() -> None:
    app = after(ONE, TWO)
    app.publish(THREE)
    under_way(app, "deploy", THREE, TWO)
    healthy = replace(app.ledger.entries[-1], number=3, state="healthy")
    meanwhile(app, lambda hers: hers.ledger.append(healthy))
    result = rollback(app, yes=True, wait="10m")
    assert (result.state, result.plan.replaces, result.plan.artifact_id) == ("healthy", THREE, TWO)


def test_whoever_preempts_a_rollback_goes_where_it_was_going_and_never_to_what_it_leaves() -> None:
    app = after(ONE, TWO, THREE)
    under_way(app, "rollback", ONE, THREE)
    assert rollback(app, yes=True, preempt=True).plan.artifact_id == ONE
    assert marked_bad(app.ledger.deployments("dev")) == {THREE}


def test_the_remedy_of_who_meets_another_names_what_was_shown_with_its_flags() -> None:
    app = after(ONE, TWO, THREE)
    rollback(app, to=TWO)
    app.leases.take("dev", holder="grace@desk", run_url="", ttl=120, deployment_id="hers")
    with pytest.raises(Held) as caught:
        rollback(app, yes=True)
    assert caught.value.remedy.startswith(f"Wait for it: inv rollback --to {ONE} --env dev --wait 10m\n")
    with pytest.raises(Held) as caught:
        rollback(app, to=THREE, allow_bad=True)
    assert f"inv rollback --to {THREE} --env dev --allow-bad --wait 10m" in caught.value.remedy
