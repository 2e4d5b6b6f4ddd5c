"""An artifact that nobody signed: every verb refuses it, unless the environment takes it; then each verb says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tagship.domain import layout
from tagship.domain.history import as_data
from tagship.engine.artifacts import verified
from tagship.engine.run import Result
from tagship.errors import Incomplete, NotAuthentic, SettingsError, TagshipError
from tagship.verbs.bundle import bundle
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.history import history
from tagship.verbs.notify import notify
from tagship.verbs.publish import publish
from tagship.verbs.resume import resume
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.user_data import user_data
from tagship.verbs.validate import validate
from tagship.verbs.verify import verify
from tagship.verbs.why_not import why_not
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.target import FakeTarget, machine
from tests.unit.ci import VERSION, ci_app

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
ALLOWED = environments(allow_unsigned=True)
SIGNATURE = layout.artifact("hello", "dev", NEW, layout.SIGNATURE)
SAID = f"UNSIGNED: nobody signed {NEW}; dev allows that (allow_unsigned)"


def running(**changes: object) -> FakeApp:
    """OLD, which is signed, serves; NEW is stored, and nobody signed it."""
    app = FakeApp(settings=settings(**changes), hosts=FakeTarget([machine("web-1")]))
    app.publish(OLD)
    deploy(app, artifact=OLD)
    app.publish(NEW, signed=False)
    app.hosts.asked.clear()
    app.screen.lines.clear()
    app.screen.warnings.clear()
    return app


def deployed() -> FakeApp:
    """NEW serves, in an environment that allows it; its host says that nobody signed it."""
    app = running(environments=ALLOWED)
    app.hosts.machines[0].unsigned = True
    deploy(app, artifact=NEW)
    app.screen.lines.clear()
    app.screen.warnings.clear()
    return app


def told(app: FakeApp, problem: TagshipError) -> str:
    """The error, and the table of gates before it."""
    return f"{app.screen.text}\n{problem.what}"


def back(app: FakeApp) -> Result:
    """A rollback to NEW, which ran there before."""
    app.ledger.ran(NEW)
    return rollback(app, to=NEW)


VERBS: dict[str, Callable[[FakeApp], object]] = {
    "deploy": lambda app: deploy(app, artifact=NEW),
    "deploy --dry-run": lambda app: deploy(app, artifact=NEW, dry_run=True),
    "rollback": back,
    "user-data": lambda app: user_data(app, env="dev", artifact=NEW),
    "why-not": lambda app: why_not(app, env="dev", version=NEW).insist(),
}


@pytest.mark.parametrize("verb", VERBS)
def test_an_environment_without_the_setting_refuses_it(verb: str) -> None:
    app = running()
    with pytest.raises(TagshipError) as caught:
        VERBS[verb](app)
    assert "has no signature (manifest.sig), and dev accepts no unsigned artifacts" in told(app, caught.value)
    assert app.hosts.serving == {"web-1": OLD}
    assert not [order for order, _ in app.hosts.asked if order.action != "status"]


def test_it_is_refused_as_not_authentic() -> None:
    with pytest.raises(NotAuthentic) as caught:
        deploy(running(), artifact=NEW)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("verb", ["deploy", "deploy --dry-run", "rollback"])
def test_where_it_is_allowed_the_verb_says_so_first(verb: str) -> None:
    app = running(environments=ALLOWED)
    VERBS[verb](app)
    assert app.screen.warnings[0] == SAID
    assert any(f"{NEW} (UNSIGNED) on dev, in place of {OLD}" in line for line in app.screen.lines)


@pytest.mark.parametrize("verb", ["deploy", "rollback"])
def test_the_plan_the_result_the_order_and_each_entry_of_the_ledger_say_so(verb: str) -> None:
    app = running(environments=ALLOWED)
    app.hosts.machines[0].unsigned = True
    result = VERBS[verb](app)
    assert result.as_data()["unsigned"] is True  # type: ignore[attr-defined]
    assert result.as_data()["reports"][0]["unsigned"] is True  # type: ignore[attr-defined]
    assert any(line.startswith(f"{NEW} (UNSIGNED) is healthy on dev") for line in app.screen.lines)
    assert [change.allow_unsigned for change, _ in app.hosts.asked if change.action == verb] == [True]
    entries = app.ledger.deployments("dev")[-1].entries
    assert [one.state for one in entries] == ["requested", "started", "healthy"]
    assert all(one.details["unsigned"] is True for one in entries)
    assert entries[-1].details["units"][0]["unsigned"] is True


def test_the_announcement_says_so() -> None:
    app = running(environments=ALLOWED)
    assert deploy(app, artifact=NEW).announcement == f"{NEW} (UNSIGNED) is healthy on dev"


def test_the_summary_page_and_the_headline_say_so() -> None:
    app = deployed()
    notify(app, artifact=NEW)
    assert app.screen.lines[-1].startswith(f"{NEW} (UNSIGNED) on dev: healthy")
    assert app.ci.summary.startswith(f"### <code>{NEW} (UNSIGNED) on dev: healthy</code>\n")


def test_history_says_so() -> None:
    app = deployed()
    found = as_data(history(app, env="dev").deployments)
    assert [(one["artifact"], one["unsigned"]) for one in found] == [(NEW, True), (OLD, False)]
    assert f"deploy {NEW} (UNSIGNED) on dev" in app.screen.text


def test_status_says_so() -> None:
    app = deployed()
    [found] = status(app)
    assert found.unsigned
    assert found.as_data()["unsigned"] is True
    assert "UNSIGNED: nobody signed what dev runs" in app.screen.warnings


def test_status_says_that_an_environment_takes_unsigned_artifacts_even_while_it_runs_none() -> None:
    app = running(environments=ALLOWED)
    [found] = status(app)
    assert (found.unsigned, found.takes_unsigned) == (False, True)
    assert "dev takes UNSIGNED artifacts (allow_unsigned); what it runs is signed" in app.screen.lines


def test_a_host_s_own_word_is_enough_for_status() -> None:
    app = running()
    app.hosts.machines[0].unsigned = True
    [found] = status(app)
    assert found.unsigned


def test_verify_says_so() -> None:
    app = deployed()
    assert verify(app, artifact=NEW).unsigned
    assert app.screen.lines[-1] == f"{NEW} (UNSIGNED) serves on 1 host of dev"


def test_why_not_says_so() -> None:
    app = running(environments=ALLOWED)
    found = why_not(app, env="dev", version=NEW)
    found.insist()
    assert found.gates[0].found.startswith("stored and UNSIGNED, which dev allows, built ")
    assert SAID in app.screen.warnings


def test_a_heal_says_so() -> None:
    app = deployed()
    app.hosts.machines.append(machine("web-2"))
    result = heal(app, env="dev")
    assert result.plan.unsigned
    assert SAID in app.screen.warnings


def test_a_resumed_deployment_says_so() -> None:
    app = running(environments=ALLOWED)
    app.hosts.during = _dies
    with pytest.raises(_Dead):
        deploy(app, artifact=NEW)
    app.hosts.during = lambda _: None
    app.clock.advance(600)
    result = resume(app, env="dev")
    assert result.plan.unsigned
    assert app.ledger.entries[-1].details["unsigned"] is True


class _Dead(BaseException):
    """The runner died."""


def _dies(_order: object) -> None:
    raise _Dead


def test_a_host_that_does_not_allow_it_refuses_it_and_nothing_is_changed() -> None:
    app = running(environments=ALLOWED)
    app.hosts.machines[0].answers.append("refused")
    with pytest.raises(TagshipError) as caught:
        deploy(app, artifact=NEW)
    assert not isinstance(caught.value, Incomplete)
    assert app.hosts.serving == {"web-1": OLD}


def test_orders_to_an_environment_without_the_setting_never_allow_it() -> None:
    app = running()
    status(app)
    deploy(app, artifact=OLD)
    assert {change.allow_unsigned for change, _ in app.hosts.asked} == {False}


# -- what is signed is verified all the same ---------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["deploy", "rollback", "why-not"])
def test_a_wrong_signature_is_refused_where_none_would_be_taken(verb: str) -> None:
    app = running(environments=ALLOWED)
    app.store.create(SIGNATURE, b"00000000 of somebody else")
    with pytest.raises(TagshipError) as caught:
        VERBS[verb](app)
    assert "is not by the release key" in told(app, caught.value)
    assert app.hosts.serving == {"web-1": OLD}


def test_a_signed_artifact_is_not_called_unsigned_there() -> None:
    app = running(environments=ALLOWED)
    assert verified(app, "dev", OLD).signed
    assert deploy(app, artifact=OLD).as_data()["unsigned"] is False
    assert app.screen.warnings == []


# -- publishing --------------------------------------------------------------------------------------------------------


def built(root: Path, **changes: object) -> FakeApp:
    app = ci_app(root, **changes)  # type: ignore[arg-type]
    bundle(app, artifact=VERSION)
    return app


def test_without_a_key_bundle_and_manifest_are_put_and_no_signature(tmp_path: Path) -> None:
    app = built(tmp_path, signing=None, environments=ALLOWED)
    app.signer = None  # type: ignore[assignment]
    publish(app, artifact=VERSION)
    names = [layout.artifact("hello", "dev", VERSION, name) for name in (layout.BUNDLE, layout.MANIFEST)]
    assert app.store.writes == [("create", name) for name in names]
    assert f"UNSIGNED: nobody signed {VERSION}; dev allows that (allow_unsigned)" in app.screen.warnings
    before = len(app.store.writes)
    publish(app, artifact=VERSION)
    assert len(app.store.writes) == before


def test_with_a_key_it_is_signed_though_it_need_not_be(tmp_path: Path) -> None:
    app = built(tmp_path, environments=ALLOWED)
    publish(app, artifact=VERSION)
    assert verified(app, "dev", VERSION).signed


def test_without_a_key_nothing_is_published_to_an_environment_without_the_setting(tmp_path: Path) -> None:
    app = built(tmp_path)
    app.settings = settings(signing=None)
    with pytest.raises(SettingsError, match="no key to sign with, and dev accepts no unsigned artifacts"):
        publish(app, artifact=VERSION)
    assert app.store.writes == []


def test_an_artifact_published_unsigned_is_refused_once_the_setting_is_gone(tmp_path: Path) -> None:
    app = built(tmp_path, signing=None, environments=ALLOWED)
    publish(app, artifact=VERSION)
    app.settings = settings()
    with pytest.raises(NotAuthentic, match="dev accepts no unsigned artifacts"):
        publish(app, artifact=VERSION)


def test_validate_says_what_the_environment_takes(tmp_path: Path) -> None:
    told = "UNSIGNED: dev takes artifacts without a signature (allow_unsigned); "
    app = ci_app(tmp_path, environments=ALLOWED)
    validate(app, artifact=VERSION)
    assert app.screen.warnings == [told + "it is signed anyway"]
    app = ci_app(tmp_path, environments=ALLOWED, signing=None)
    validate(app, artifact=VERSION)
    assert app.screen.warnings == [told + "it stays unsigned"]
