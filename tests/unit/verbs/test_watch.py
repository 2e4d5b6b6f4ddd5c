"""watch: what changes is said once, monitors have exit codes, and a heal needs two looks and nothing against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tagship.errors import Held, Incomplete, NotAllowed, ServiceFailed, TagshipError, UsageError
from tagship.verbs.deploy import deploy
from tagship.verbs.freeze import freeze
from tagship.verbs.heal import heal
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.status import status
from tagship.verbs.watch import watch
from tests.fakes.app import FakeApp
from tests.fakes.repository import FakeRepository
from tests.fakes.target import FakeTarget, machine

OLD, V = "0.1.29-dev", "0.1.30-dev"


@dataclass
class Typing:
    """A machine on which a heal that is typed is one; `broken`: it ends with that code and does nothing."""

    app: FakeApp
    broken: int = 0
    typed: list[str] = field(default_factory=list)

    def version(self, tool: str) -> str:
        return ""

    def run_verb(self, command: str) -> int:
        self.typed.append(command)
        assert command == "inv heal --env dev --automatic"
        if self.broken:
            return self.broken
        try:
            heal(self.app, env="dev", automatic=True)
        except TagshipError as reason:
            return reason.exit_code
        return 0


def running() -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1"), machine("web-2")]))
    app.publish(OLD, V)
    deploy(app, artifact=V)
    app.given["machine"] = Typing(app)
    app.given["repository"] = FakeRepository()
    app.screen.lines.clear()
    return app


def drift(app: FakeApp) -> None:
    app.hosts.machines[1].serving = "0.1.7-dev"


def typed(app: FakeApp) -> list[str]:
    command: Typing = app.given["machine"]
    return command.typed


def rounds(app: FakeApp, *between: Callable[[], Any]) -> None:
    """Before the second look, the third, …: this."""
    steps = iter(between)
    sleep = app.clock.sleep

    def slept(seconds: float) -> None:
        sleep(seconds)
        next(steps, lambda: None)()

    app.clock.sleep = slept  # type: ignore[method-assign]


def test_what_does_not_change_is_said_once_and_what_does_with_its_time() -> None:
    app = running()
    rounds(app, lambda: None, lambda: drift(app))
    watched = watch(app, rounds=4)
    assert app.screen.lines == [
        f"2026-11-20 12:00:00 UTC  dev: {V}, as recorded",
        f"2026-11-20 12:01:00 UTC  dev: {V}, DRIFT: web-2 runs 0.1.7-dev (the ledger says {V})",
    ]
    assert (watched.drifted, dict(watched.healed), typed(app)) == (["dev"], {}, [])


def test_monitors_have_an_exit_code_for_drift_and_for_what_was_not_seen() -> None:
    app = running()
    watch(app, rounds=1).insist()
    drift(app)
    with pytest.raises(Incomplete, match="Drift: dev is not as the ledger says"):
        watch(app, rounds=1).insist()
    app.ledger.deployments = unheard  # type: ignore[method-assign, assignment]
    with pytest.raises(ServiceFailed, match="Not every environment was seen: S3 is silent"):
        watch(app, rounds=1).insist()


def unheard(*_: object) -> None:
    raise ServiceFailed("S3 is silent.", remedy="Wait.")


def test_a_look_that_fails_ends_no_watch() -> None:
    app = running()
    real = app.ledger.deployments
    rounds(app, lambda: setattr(app.ledger, "deployments", unheard), lambda: setattr(app.ledger, "deployments", real))
    watch(app, rounds=3).insist()
    assert "not seen: S3 is silent" in app.screen.text


def test_drift_that_two_looks_saw_is_healed_and_what_one_saw_is_not() -> None:
    app = running()
    drift(app)
    watch(app, rounds=1, heal=True)
    assert typed(app) == []
    watched = watch(app, rounds=3, heal=True)
    assert (app.hosts.serving["web-2"], len(typed(app)), watched.drifted) == (V, 1, [])
    assert "dev was healed: 1 of 3, exit code 0" in app.screen.text


def test_without_heal_nothing_is_changed() -> None:
    app = running()
    drift(app)
    watch(app, rounds=4)
    assert (typed(app), app.hosts.serving["web-2"]) == ([], "0.1.7-dev")


def test_a_heal_that_does_not_help_is_made_so_often_and_no_more() -> None:
    app = running()
    app.given["machine"].broken = 9
    drift(app)
    watched = watch(app, rounds=9, heal=True, most=2)
    assert (len(typed(app)), dict(watched.healed)) == (2, {"dev": 2})
    assert "it was healed 2 times, and drifts again: look why" in app.screen.text


@pytest.mark.parametrize(
    ("against", "why"),
    [
        (lambda app: freeze(app, env="dev", until="8h", reason="sale"), "frozen"),
        (lambda app: mark_bad(app, version=V, reason="it sends mail twice"), "is marked bad"),
        (lambda app: app.hosts.machines.__setitem__(1, machine("web-2", online=False)), ""),
    ],
)
def test_nothing_is_healed_against_a_freeze_or_to_a_bad_version_or_where_nobody_can_be_asked(
    against: Callable[[FakeApp], Any], why: str
) -> None:
    app = running()
    drift(app)
    against(app)
    watch(app, rounds=4, heal=True)
    assert typed(app) == []
    assert why in app.screen.text


def test_a_freeze_that_comes_after_the_look_stops_an_automatic_heal_and_no_person_s() -> None:
    app = running()
    drift(app)
    freeze(app, env="dev", until="8h", reason="sale")
    with pytest.raises(Held):
        heal(app, env="dev", automatic=True)
    assert app.hosts.serving["web-2"] == "0.1.7-dev"
    assert heal(app, env="dev").state == "healthy"


def test_a_freeze_that_comes_under_the_lease_stops_it_too() -> None:
    app = running()
    drift(app)
    take = app.leases.take

    def frozen(*args: Any, **given: Any) -> Any:
        freeze(app, env="dev", until="8h", reason="sale")
        return take(*args, **given)

    app.leases.take = frozen  # type: ignore[method-assign]
    with pytest.raises(Held):
        heal(app, env="dev", automatic=True)
    assert app.hosts.serving["web-2"] == "0.1.7-dev"


@pytest.mark.parametrize("wrong", [{"every": "0"}, {"rounds": -1}, {"most": 0, "heal": True}])
def test_numbers_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        watch(running(), **wrong)


def test_what_this_identity_may_not_ask_is_a_problem_of_that_look() -> None:
    app = running()

    def denied(*_: object) -> None:
        raise NotAllowed("Access denied.", remedy="Ask.")

    app.hosts.observe = denied  # type: ignore[method-assign, assignment]
    with pytest.raises(ServiceFailed, match="Access denied"):
        watch(app, rounds=1).insist()


# -- status --check ----------------------------------------------------------------------------------------------------


def test_check_insists_on_units_what_is_stored_and_the_tag() -> None:
    app = running()
    app.given["repository"].remote.tags[V] = app.given["repository"].create_tag(V, "0" * 40, "m")
    result = status(app, check=True)
    result.insist()  # type: ignore[union-attr]
    app.remove(V)
    for said in ("can't be deployed again", f"inv deploy-dev --version {V} --rerun"):
        result = status(app, check=True)
        assert said in app.screen.text
    with pytest.raises(Incomplete, match="Drift: dev"):
        result.insist()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("commit", "words"), [("", "it is gone"), ("f" * 40, "it names fffffff, and what runs was built of 0000000")]
)
def test_a_tag_that_is_gone_or_moved_is_drift(commit: str, words: str) -> None:
    app = running()
    if commit:
        app.given["repository"].remote.tags[V] = app.given["repository"].create_tag(V, commit, "m")
    result = status(app, check=True)
    assert f"the tag of {V} on the remote: {words}" in app.screen.text
    with pytest.raises(Incomplete):
        result.insist()  # type: ignore[union-attr]
    assert not status(app)[0].drifted  # type: ignore[union-attr]
