"""why-not: every gate, ok or blocked, with the way through; and that deploy meets the same ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tagship.domain.blocked import Gate
from tagship.domain.freeze import Freeze
from tagship.errors import DeployFailed, Refused, SettingsError, TagshipError, UsageError
from tagship.verbs.deploy import deploy
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.why_not import WhyNot, why_not
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.repository import FakeRepository
from tests.fakes.target import FakeTarget, machine

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
GATES = ["artifact", "branch", "marks", "order", "units", "running", "freeze", "lease"]


def running_old() -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1"), machine("web-2")]))
    app.publish("0.1.28-dev", OLD, NEW)
    deploy(app, artifact=OLD)
    app.hosts.asked.clear()
    app.screen.lines.clear()
    return app


def blocked(found: WhyNot) -> dict[str, Gate]:
    return {one.name: one for one in found.gates if one.problem}


def test_nothing_stands_between_a_good_version_and_a_free_environment() -> None:
    app = running_old()
    found = why_not(app, env="dev", version=NEW)
    assert [one.name for one in found.gates] == GATES
    assert blocked(found) == {}
    found.insist()
    assert app.screen.lines[-1] == f"{NEW} can go to dev: inv deploy --version {NEW} --env dev"
    assert {one.name: one.found for one in found.gates} | {"artifact": ""} == {
        "artifact": "",
        "branch": "built from dev",
        "marks": "not marked bad",
        "order": f"not older than {OLD}",
        "units": "2 reachable",
        "running": f"{OLD} runs, by the ledger",
        "freeze": "not frozen",
        "lease": "nobody holds it",
    }


def gone(app: FakeApp) -> None:
    app.remove(NEW)
    app.given["repository"] = FakeRepository()


def altered(app: FakeApp) -> None:
    key = f"hello/dev/{NEW}/manifest.json"
    there = app.store.objects[key]
    app.store.objects[key] = replace(there, body=there.body.replace(b'"branch": "dev"', b'"branch": "dew"'))


def bad(app: FakeApp) -> None:
    mark_bad(app, version=NEW, reason="it sends every mail twice")


def older(app: FakeApp) -> None:
    app.publish("0.1.31-dev")
    deploy(app, artifact="0.1.31-dev")


def away(app: FakeApp) -> None:
    app.hosts.machines[1] = machine("web-2", OLD, online=False)


def running(app: FakeApp) -> None:
    deploy(app, artifact=NEW)


def frozen(app: FakeApp) -> None:
    now = app.freezes.now()
    until = (now + timedelta(hours=1)).isoformat()
    app.freezes.write(Freeze("dev", until=until, reason="a launch", who="eve@desk", at=now.isoformat()), "")


def held(app: FakeApp) -> None:
    app.leases.take("dev", holder="run 4711 (octocat)", deployment_id="theirs", run_url="", ttl=120)


BLOCKED: list[tuple[Callable[[FakeApp], None], str, str]] = [
    (gone, "artifact", f"Release it: inv deploy-dev --version {NEW}"),
    (altered, "artifact", "Publish it again"),
    (bad, "marks", f"inv deploy --version {NEW} --env dev --allow-bad"),
    (older, "order", "--allow-older"),
    (away, "units", "inv status --env dev"),
    (frozen, "freeze", "inv thaw --env dev"),
    (held, "lease", "inv unlock --env dev --id theirs"),
    (held, "lease", f"inv deploy --version {NEW} --env dev --wait 10m"),
]


@pytest.mark.parametrize(("happens", "gate", "remedy"), BLOCKED, ids=[one[0].__name__ for one in BLOCKED])
def test_a_blocked_gate_says_why_and_the_way_through_and_deploy_meets_it_too(
    happens: Callable[[FakeApp], None], gate: str, remedy: str
) -> None:
    app = running_old()
    happens(app)
    found = blocked(why_not(app, env="dev", version=NEW))
    assert list(found) == [gate]
    assert remedy in found[gate].remedy
    with pytest.raises(TagshipError) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.what.rstrip(".") in found[gate].problem or gate == "lease"


def test_what_runs_already_by_every_hosts_word_is_said() -> None:
    app = running_old()
    running(app)
    found = blocked(why_not(app, env="dev", version=NEW))
    assert list(found) == ["running"]
    app.hosts.machines[1].serving = OLD
    assert blocked(why_not(app, env="dev", version=NEW)) == {}


def test_every_blocked_gate_is_told_at_once() -> None:
    app = running_old()
    for happens in (bad, away, held):
        happens(app)
    found = why_not(app, env="dev", version=NEW)
    assert list(blocked(found)) == ["marks", "units", "lease"]
    with pytest.raises(Refused) as caught:
        found.insist()
    assert caught.value.exit_code == 3
    assert caught.value.what == f"{NEW} can't go to dev: 3 of 8 gates are blocked (marks, units, lease)."
    ways = [f"units: {found.gates[4].remedy}", f"lease: {found.gates[7].remedy}", f"marks: {found.gates[2].remedy}"]
    assert caught.value.remedy == "\n       ".join(ways)
    assert f"inv deploy --version {NEW} --env dev --allow-bad --wait 10m" in found.gates[7].remedy


def ways(app: FakeApp, version: str = NEW) -> list[str]:
    with pytest.raises(Refused) as caught:
        why_not(app, env="dev", version=version).insist()
    return [line.strip() for line in caught.value.remedy.splitlines()]


def test_a_freeze_comes_before_the_mark_whose_command_it_would_stop() -> None:
    app = running_old()
    bad(app)
    frozen(app)
    freeze, marks, _ = ways(app)
    assert freeze == "freeze: Wait for its end, or agree with eve@desk and: inv thaw --env dev"
    assert marks.startswith(f"marks: To do it anyway: inv deploy --version {NEW} --env dev --allow-bad")


def test_the_command_behind_several_gates_has_every_flag_and_leads_out() -> None:
    app = running_old()
    older(app)
    bad(app)
    order, anyway, marks, _ = ways(app)
    assert order == f"order: To go back: inv rollback --to {NEW} --env dev --allow-bad"
    assert anyway == f"Or, to deploy it anyway: inv deploy --version {NEW} --env dev --allow-bad --allow-older"
    assert marks == f"marks: To do it anyway: inv deploy --version {NEW} --env dev --allow-older --allow-bad"
    assert deploy(app, artifact=NEW, allow_older=True, allow_bad=True).state == "healthy"


def test_where_no_gate_has_the_command_it_comes_last() -> None:
    app = running_old()
    away(app)
    frozen(app)
    units, freeze, then = ways(app)
    assert (units[:6], freeze[:7]) == ("units:", "freeze:")
    assert then == f"Then: inv deploy --version {NEW} --env dev"


def test_a_version_that_is_not_there_is_said_first_and_not_deployed() -> None:
    app = running_old()
    gone(app)
    frozen(app)
    artifact, other, freeze = ways(app)
    assert artifact == f"artifact: {NEW} has no tag. Release it: inv deploy-dev --version {NEW}"
    assert other.startswith(f"Or take another. Stored versions: {OLD}")
    assert freeze.startswith("freeze:")


def test_the_table_has_a_line_for_each_gate_and_the_remedy_below_a_blocked_one() -> None:
    app = running_old()
    bad(app)
    found = why_not(app, env="dev", version=NEW)
    _, rows = app.screen.tables[-1]
    assert [row[:2] for row in rows if row[1]] == [["blocked" if one == "marks" else "ok", one] for one in GATES]
    ways = [["", "", f"  {way.strip()}"] for way in found.gates[2].remedy.splitlines()]
    assert len(ways) == 2
    assert rows[3:5] == ways


@pytest.mark.parametrize("happens", [gone, altered])
def test_what_is_not_checked_is_neither_ok_nor_blocked(happens: Callable[[FakeApp], None]) -> None:
    app = running_old()
    happens(app)
    found = why_not(app, env="dev", version=NEW)
    _, rows = app.screen.tables[-1]
    why = "the manifest names the branch, and can't be used (see artifact)"
    assert [row for row in rows if row[1] == "branch"] == [["not checked", "branch", why]]
    assert found.gates[1].as_data() | {"checked": False, "open": False} == found.gates[1].as_data()
    with pytest.raises(Refused, match=r"1 of 8 gates is blocked \(artifact\)"):
        found.insist()


def test_the_answer_is_data_as_well() -> None:
    app = running_old()
    held(app)
    data = why_not(app, env="dev", version=NEW).as_data()
    app.screen.data(data)
    assert data["open"] is False
    assert [gate["open"] for gate in data["gates"]] == [True] * 7 + [False]  # type: ignore[attr-defined]


def test_one_that_failed_may_be_tried_again_and_that_is_said() -> None:
    app = running_old()
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed):
        deploy(app, artifact=NEW)
    found = why_not(app, env="dev", version=NEW)
    assert blocked(found) == {}
    assert found.gates[2].found.startswith("counts as bad: it failed on 2026-11-20")


def test_what_was_built_from_another_branch_is_not_for_this_environment() -> None:
    app = running_old()
    app = replace(app, settings=settings(environments=environments(branch="release")))
    found = blocked(why_not(app, env="dev", version=NEW))
    assert list(found) == ["branch"]
    assert "built from dev" in found["branch"].problem
    assert found["branch"].remedy.startswith("Merge it into release")


def test_a_version_of_another_channel_was_promoted() -> None:
    app = running_old()
    app.publish("0.1.30-stage")
    found = why_not(app, env="dev", version="0.1.30-stage")
    assert {one.name: one.found for one in found.gates}["branch"] == "of the channel stage, promoted"


def test_a_dead_holder_is_no_gate_and_one_whose_command_runs_is() -> None:
    app = running_old()
    held(app)
    app.clock.advance(121)
    gates = {one.name: one for one in why_not(app, env="dev", version=NEW).gates}
    assert (
        gates["lease"].found
        == "run 4711 (octocat) held it and died, last heartbeat 2 min ago; the next deployment takes it over"
    )
    app.hosts.running["command-7"] = "theirs"
    gates = {one.name: one for one in why_not(app, env="dev", version=NEW).gates}
    assert "inv resume --env dev" in gates["lease"].remedy


def test_it_changes_nothing() -> None:
    app = running_old()
    before = dict(app.store.objects), dict(app.leases.records), list(app.ledger.entries)
    why_not(app, env="dev", version=OLD)
    assert (dict(app.store.objects), dict(app.leases.records), list(app.ledger.entries)) == before
    assert {order.action for order, _ in app.hosts.asked} == {"status"}


def test_what_is_no_version_or_no_environment_is_an_error_and_no_gate() -> None:
    app = running_old()
    app.given["repository"] = FakeRepository()
    with pytest.raises(UsageError):
        why_not(app, env="dev", version="latest")
    with pytest.raises(SettingsError):
        why_not(running_old(), env="prod", version=NEW)
