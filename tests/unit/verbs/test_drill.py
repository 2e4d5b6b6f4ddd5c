"""drill: what a rollback needs is looked at, or it is done and undone, and neither speaks against a version."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from tagship.domain.manifest import Manifest
from tagship.domain.metrics import metrics as figures
from tagship.domain.secrets import SECRETS_MANAGER, SSM, SecretRef
from tagship.domain.standing import bad_versions
from tagship.errors import Interrupted, NotAllowed, Refused, RollbackFailed, UsageError
from tagship.verbs.deploy import deploy
from tagship.verbs.drill import Drilled, drill
from tagship.verbs.freeze import freeze
from tagship.verbs.rollback import rollback
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.prompt import FakePrompt
from tests.fakes.secrets import FakeSecrets
from tests.fakes.target import FakeTarget, machine

OLD, NEW = "0.1.1-dev", "0.1.2-dev"


@dataclass
class Typing:
    """A machine on which a rollback that is typed is one; `fails` are the numbers of those that end badly."""

    app: FakeApp
    fails: set[int] = field(default_factory=set)
    typed: list[str] = field(default_factory=list)

    def version(self, tool: str) -> str:
        return ""

    def run_verb(self, command: str) -> int:
        self.typed.append(command)
        if len(self.typed) in self.fails:
            return 7
        match = re.fullmatch(r"inv rollback --to (\S+)(?: --env (\S+))? --yes --drill", command)
        assert match, command
        self.app.clock.advance(3)
        rollback(self.app, to=match[1], env=match[2] or "", yes=True, drill=True)
        return 0


def running() -> FakeApp:
    """OLD was healthy, NEW is."""
    app = FakeApp(hosts=FakeTarget([machine("web-1"), machine("web-2")]))
    app.publish(OLD, NEW)
    for version in (OLD, NEW):
        deploy(app, artifact=version)
        app.clock.advance(60)
    app.given["machine"] = Typing(app)
    return app


def gates(drilled: Drilled) -> dict[str, str]:
    return {gate.name: gate.problem or gate.found for gate in drilled.gates}


def test_it_names_the_version_that_rollback_would_choose_and_changes_nothing() -> None:
    app = running()
    before, ledger = dict(app.leases.records), len(app.ledger.deployments("dev"))
    drilled = drill(app)
    assert (drilled.ready, drilled.version, drilled.runs) == (True, OLD, NEW)
    assert app.screen.lines[-1] == f"rollback ready: {OLD}: inv rollback --to {OLD}"
    assert (dict(app.leases.records), len(app.ledger.deployments("dev"))) == (before, ledger)
    assert gates(drilled)["units"] == "2 reachable"


def test_the_time_to_expect_is_the_median_of_the_rollbacks_that_there_were() -> None:
    app = running()
    for seconds, to in ((4, OLD), (9, NEW), (5, OLD), (6, NEW)):
        app.hosts.during = lambda _, taken=seconds: app.clock.advance(taken / 2)
        rollback(app, to=to, drill=True)
    assert drill(app).expected == pytest.approx(6)
    assert ", in about 6.0 s: inv rollback" in app.screen.lines[-1]


def test_with_nothing_to_go_back_to_it_is_refused_and_the_rest_is_not_checked() -> None:
    app = FakeApp(hosts=FakeTarget([machine("web-1")]))
    app.publish(OLD)
    deploy(app, artifact=OLD)
    drilled = drill(app)
    assert not drilled.ready
    assert "There is nothing to roll dev back to" in gates(drilled)["way back"]
    assert gates(drilled)["image"] == "there is no version to look at"
    with pytest.raises(Refused, match="would not work now: way back"):
        drilled.insist()


def test_an_artifact_that_was_altered_is_not_ready() -> None:
    app = running()
    where = "hello/dev/{}/deploy-bundle.tar.gz"
    app.store.objects[where.format(OLD)] = app.store.objects[where.format(NEW)]
    assert not drill(app, to=OLD).ready


def test_what_a_rollback_would_refuse_is_not_called_ready() -> None:
    """A version marked bad, and the one that runs: each is refused with the same exit code as `inv rollback --to`."""
    app = running()
    rollback(app, to=OLD)
    for version, why in ((NEW, f"{NEW} is marked bad on dev"), (OLD, f"{OLD} is what dev runs by the ledger")):
        app.screen.lines.clear()
        drilled = drill(app, to=version)
        assert why in gates(drilled)["way back"]
        assert "rollback ready" not in app.screen.text
        with pytest.raises(Refused, match="would not work now: way back"):
            drilled.insist()
        with pytest.raises(Refused):
            rollback(app, to=version)
    assert (
        drill(app, to=NEW).gates[0].remedy.startswith(f"To do it anyway: inv rollback --to {NEW} --env dev --allow-bad")
    )


def test_a_unit_that_cannot_be_reached_is_no_hindrance_but_none_at_all_is() -> None:
    app = running()
    one, other = app.hosts.machines
    one.unit = replace(one.unit, online=False, problem="its SSM agent doesn't answer (ConnectionLost)")
    assert drill(app).ready
    other.unit = replace(other.unit, online=False, problem="its SSM agent doesn't answer (ConnectionLost)")
    assert "2 of 2 hosts of dev cannot be reached" in gates(drill(app))["units"]


def test_a_freeze_holds_no_rollback_up_and_so_no_drill() -> None:
    app = running()
    freeze(app, env="dev", until="8h", reason="the sale")
    assert drill(app).ready


def test_for_real_goes_back_and_returns_and_says_what_each_took() -> None:
    app = running()
    drilled = drill(app, for_real=True, yes=True)
    assert (drilled.there, drilled.back) == (pytest.approx(3), pytest.approx(3))
    assert app.given["machine"].typed == [
        f"inv rollback --to {OLD} --env dev --yes --drill",
        f"inv rollback --to {NEW} --env dev --yes --drill",
    ]
    assert {unit.serving for unit in app.hosts.machines} == {NEW}
    assert app.screen.lines[-1] == f"to {OLD}: 3.0 s; back to {NEW}: 3.0 s"


def test_what_only_a_real_rollback_shows_is_advised_where_one_may_be_made() -> None:
    app = running()
    assert gates(drill(app))["permissions"].endswith("may do: inv drill --env dev --for-real")
    assert "permissions" not in gates(drill(app, for_real=True, yes=True))
    app.settings = settings(promotion={"order": ["dev"]})  # dev is the last one: production
    assert gates(drill(app))["permissions"].endswith("may do")


def test_an_exercise_speaks_against_no_version_and_counts_in_no_figure() -> None:
    app = running()
    drill(app, for_real=True, yes=True)
    history = app.ledger.deployments("dev")
    assert bad_versions(history) == {}
    now = app.store.now()
    counted = figures(history, "dev", now - timedelta(days=1), now + timedelta(days=1))
    assert (counted.rollbacks, counted.change_failure_rate) == (0, 0.0)
    rollback(app, to=OLD)
    history = app.ledger.deployments("dev")
    assert list(bad_versions(history)) == [NEW]
    counted = figures(history, "dev", now - timedelta(days=1), now + timedelta(days=1))
    assert (counted.rollbacks, counted.change_failure_rate) == (1, 0.5)


@pytest.mark.parametrize(("number", "state"), [(1, f"may run {NEW} or {OLD}"), (2, f"ran {OLD} before this")])
def test_a_rollback_that_fails_wakes_somebody(number: int, state: str) -> None:
    app = running()
    app.given["machine"].fails = {number}
    with pytest.raises(RollbackFailed, match="exit code 7") as caught:
        drill(app, for_real=True, yes=True)
    assert state in caught.value.state
    assert caught.value.remedy == "See what runs: inv status --env dev"


@pytest.mark.parametrize("order", [["dev", "live"], []])
def test_production_is_not_rolled_back_for_an_exercise(order: list[str]) -> None:
    name = "live" if order else "prod-eu"
    values = {**VALUES["environments"], name: {**VALUES["environments"]["dev"], "branch": "main"}}
    app = FakeApp(settings=settings(environments=values, promotion={"order": order} if order else {}))
    with pytest.raises(Refused, match="is production") as caught:
        drill(app, env=name, for_real=True, yes=True)
    assert caught.value.remedy == f"Look at it: inv drill --env {name}"


def test_nothing_is_rolled_back_unless_somebody_says_so() -> None:
    app = running()
    app.prompt = FakePrompt(possible=False)
    with pytest.raises(UsageError, match="no --yes"):
        drill(app, for_real=True)
    app.prompt = FakePrompt(False)
    with pytest.raises(Interrupted, match="Not confirmed"):
        drill(app, for_real=True)
    assert app.given["machine"].typed == []


# -- secrets -----------------------------------------------------------------------------------------------------------

DB = SecretRef(SSM, "/hello/dev/db", "3")
TOKEN = SecretRef(SECRETS_MANAGER, "hello/dev/token", "a" * 32, "key")


def with_secrets(stored: dict[str, str], managed: dict[str, str], *references: SecretRef) -> str:
    """What the drill says of the secrets of the version that it goes back to."""
    app = running()
    key = f"hello/dev/{OLD}/manifest.json"
    manifest = Manifest.from_json(app.store.objects[key].body, key)
    named = {f"V{number}": reference for number, reference in enumerate(references)}
    raw = replace(manifest, secrets=named).to_json()
    app.remove(OLD)
    app.publish(OLD)
    app.store.objects[key] = replace(app.store.objects[key], body=raw)
    signature = f"hello/dev/{OLD}/manifest.sig"
    app.store.objects[signature] = replace(app.store.objects[signature], body=app.signer.sign(raw))
    app.given["secrets"] = FakeSecrets(stored, managed)
    [row] = [each for each in drill(app, to=OLD).gates if each.name == "secrets"]
    word = "blocked" if row.problem else "ok" if row.checked else "not checked"
    return f"{word}: {row.problem or row.found}"


def test_versions_of_secrets_that_are_there_are_ok() -> None:
    said = with_secrets({"/hello/dev/db": "5"}, {"hello/dev/token": "a" * 32}, DB, TOKEN, TOKEN)
    assert said == "ok: 2 secrets there, each in the version that it had"


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        ({}, "the parameter /hello/dev/db does not exist"),
        ({"/hello/dev/db": "2"}, "was made anew, and has no version 3"),
        ({"/hello/dev/db": "103"}, "version 3 of the parameter /hello/dev/db is not among the 100 that are kept"),
    ],
)
def test_a_version_of_a_parameter_that_is_gone_blocks(stored: dict[str, str], why: str) -> None:
    said = with_secrets(stored, {}, DB)
    assert said.startswith("blocked")
    assert why in said


def test_the_oldest_version_that_is_kept_is_ok() -> None:
    assert with_secrets({"/hello/dev/db": "102"}, {}, DB).startswith("ok: 1 secret there")


def test_a_secret_that_does_not_exist_blocks_and_one_that_moved_on_is_not_called_there() -> None:
    assert with_secrets({}, {}, TOKEN) == "blocked: The secret hello/dev/token does not exist in us-east-1."
    said = with_secrets({}, {"hello/dev/token": "b" * 32}, TOKEN)
    assert said.startswith("not checked: hello/dev/token in version aaaa")


def test_who_may_not_look_at_secrets_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_self: object, _path: str) -> dict[str, str]:
        raise NotAllowed("This identity may not look for the parameters.", remedy="Use another.")

    monkeypatch.setattr(FakeSecrets, "parameters", denied)
    assert with_secrets({}, {}, DB).startswith("not checked: This identity may not look for the parameters; the hosts")
