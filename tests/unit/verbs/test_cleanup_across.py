"""cleanup of several environments: what one of them needs stays in all, and one run is enough."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tagship.domain import layout
from tagship.domain.leftovers import Leftover
from tagship.domain.retention import Policy, Retention, Use
from tagship.domain.static_set import Presence
from tagship.engine.sweep import Sweep, SweptArtifact
from tagship.errors import NotAuthentic, Refused
from tagship.verbs import tested as verb
from tagship.verbs.cleanup import Cleanup, cleanup
from tagship.verbs.deploy import deploy
from tagship.verbs.mark_bad import mark_bad
from tests.fakes.app import FakeApp, settings
from tests.fakes.leftovers import FakeShelf
from tests.fakes.target import machine
from tests.faults.test_leftover_histories import PREVIEW, REPOSITORY, Kind, Places, an_app
from tests.unit.verbs.test_cleanup import MANY, done, reasons, shipped, stored

OLD, NEW, NEWEST = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"


@pytest.fixture
def app(tmp_path: Path) -> Places:
    """dev and prod, which share a repository of images; prod has had OLD and NEW, and dev NEWEST."""
    made = an_app(tmp_path)
    made.each = {name: Kind([machine(f"{name}-1")], kind="lambda") for name in ("dev", "prod", PREVIEW)}
    for target in made.each.values():
        target.now = made.clock.now  # type: ignore[attr-defined]
    for environment, versions in (("prod", (OLD, NEW)), ("dev", (NEWEST,))):
        made.publish(*versions, environment=environment)
        for version in versions:
            deploy(made, artifact=version, env=environment)
    for version in (OLD, NEW, NEWEST):
        images(made).put(Leftover(f"index {version}", version, (version,), made.clock.now()))
    made.clock.advance(60 * 86400)
    return made


def move_on(app: Places) -> None:
    """Deploy two more versions to prod, so that no rollback goes to OLD."""
    for version in ("0.1.3-dev", "0.1.4-dev"):
        app.publish(version, environment="prod")
        deploy(app, artifact=version, env="prod")
        app.clock.advance(60 * 86400)


def images(app: Places) -> FakeShelf:
    shelf: FakeShelf = app.given["registry"].shelf(REPOSITORY, [])
    return shelf


def forget(app: FakeApp, version: str, environment: str) -> None:
    """Somebody deletes an artifact by hand, or a lifecycle rule does."""
    prefix = f"{layout.artifacts('hello', environment)}{version}/"
    for key in [key for key in app.store.objects if key.startswith(prefix)]:
        del app.store.objects[key]


def gone(done: Cleanup) -> set[str]:
    return {row.artifact for cleaned in done.environments for row in cleaned.rows if row.goes}


def test_the_image_of_what_a_unit_elsewhere_runs_stays_though_no_manifest_names_it(app: Places) -> None:
    """The ledger of prod is three versions on; its unit was taken back to OLD by hand. An image can't be had back."""
    move_on(app)
    app.each["prod"].machines[0].serving = OLD  # type: ignore[attr-defined]
    for version in (OLD, NEW):
        forget(app, version, "prod")
    done = cleanup(app, days=1, keep=0)
    done.insist()
    assert f"index {OLD}" in images(app).rows


def test_one_run_deletes_what_an_artifact_of_a_later_environment_held(app: Places) -> None:
    """dev is cleaned before prod, and prod stores the last copy of OLD until then."""
    move_on(app)
    planned = cleanup(app, days=1, keep=0, dry_run=True)
    before = set(images(app).rows)
    cleanup(app, days=1, keep=0).insist()
    assert f"index {OLD}" in before - set(images(app).rows)
    assert OLD in gone(planned), "a dry run says the same"
    once = (set(app.store.objects), set(images(app).rows))
    cleanup(app, days=1, keep=0).insist()
    assert (set(app.store.objects), set(images(app).rows)) == once


def test_what_ci_finishes_while_it_is_cleaned_up_stays() -> None:
    """Its bundle is of a run that died two days ago; the job that is run again puts the manifest, without a lease."""
    app = FakeApp()
    app.publish(OLD)
    manifest = layout.artifact("hello", "dev", OLD, layout.MANIFEST)
    body = app.store.objects.pop(manifest)
    app.clock.advance(2 * 86400)

    def finished(_swept: SweptArtifact) -> None:
        app.store.objects[manifest] = body

    now = app.store.now() + timedelta(seconds=1)
    use = Use([])
    Sweep(app, "dev", use, Retention.of(use, Policy(0, 0), now), lambda *_: None, finished).run(dry_run=False)
    assert layout.artifact("hello", "dev", OLD, layout.BUNDLE) in app.store.objects
    assert manifest in app.store.objects


@pytest.mark.parametrize(
    ("bad", "promoted", "stays"), [(False, False, True), (True, False, False), (False, True, False)]
)
def test_what_would_be_promoted_next_stays_until_it_was(app: Places, bad: bool, promoted: bool, stays: bool) -> None:
    """dev goes on, and nobody promotes what passed there."""
    verb.tested(app, env="dev", artifact=NEWEST)
    for version in ("0.1.5-dev", "0.1.6-dev", "0.1.7-dev"):
        app.publish(version, environment="dev")
        deploy(app, artifact=version, env="dev")
    if bad:
        mark_bad(app, version=NEWEST, env="dev", reason="it leaks")
    if promoted:
        app.publish(NEWEST, environment="prod")
        for version in (NEWEST, "0.1.3-dev", "0.1.4-dev", "0.1.8-dev"):
            app.publish(version, environment="prod") if version != NEWEST else None
            deploy(app, artifact=version, env="prod", allow_older=True)
    app.clock.advance(60 * 86400)
    result = cleanup(app, env="dev", days=1, keep=0, explain=True)
    row = next(row for row in result.environments[0].rows if row.artifact == NEWEST)
    assert row.goes is not stays, row
    assert ("was not promoted yet" in row.reason) is stays


# -- static sets -------------------------------------------------------------------------------------------------------

STATIC = {"site": {"directory": "site", "environments": {"dev": {"bucket": "hello-site"}}}}


def with_a_destination(raw: bytes) -> FakeApp:
    """What the record of dev's static set says of its destination."""
    app = shipped()
    app.settings = app.settings.model_copy(update={"static": settings(static=STATIC).static})
    app.store.create(layout.static_presence("hello", "dev", "site"), raw, {})
    return app


def test_what_a_static_sets_destination_holds_or_held_before_or_keeps_stays() -> None:
    held = Presence(3, "20261120-155301-123456-9f3a1c", (MANY[0],), before=MANY[1], recent=(MANY[2],))
    app = with_a_destination(held.to_json())
    said = reasons(cleanup(app, dry_run=True))
    assert {said[version] for version in MANY[:3]} == {"static set site holds its files"}
    done(cleanup(app))
    assert stored(app) == [*MANY[:3], *MANY[5:]]


def test_if_what_a_static_sets_destination_holds_is_not_known_nothing_goes() -> None:
    app = with_a_destination(b"{}")
    with pytest.raises((Refused, NotAuthentic)):
        done(cleanup(app))
    assert stored(app) == MANY
