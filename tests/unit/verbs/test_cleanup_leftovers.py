"""cleanup of what deployments left on AWS: what goes after its artifact, what stays, and what a crash leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tagship.domain import layout
from tagship.domain.leftovers import Leftover
from tagship.domain.manifest import ImageRef, Manifest, PackageRef
from tagship.errors import Held, Refused, ServiceFailed
from tagship.verbs.cleanup import cleanup
from tagship.verbs.deploy import deploy
from tagship.verbs.freeze import freeze
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.images import FakeImages
from tests.fakes.leftovers import FakeShelf
from tests.unit.verbs.test_cleanup import MANY, done, shipped, stored

REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"
STAY = [f"version {number}" for number in range(5, 10)]


def version(app: FakeApp, number: int, artifact: str = "", **more: object) -> Leftover:
    made = app.clock.now() - timedelta(days=30)
    return replace(Leftover(str(number), f"version {number}", (artifact or MANY[number],), made), **more)  # type: ignore[arg-type]


def with_versions(app: FakeApp | None = None) -> tuple[FakeApp, FakeShelf]:
    """Ten versions that were deployed, and a version of a function of each."""
    app = shipped(app=app)
    shelf = FakeShelf()
    shelf.put(*(version(app, number) for number in range(10)))
    app.hosts.left = [shelf]
    return app, shelf


def left(shelf: FakeShelf) -> list[str]:
    return [leftover.name for leftover in shelf.rows.values()]


def test_what_is_left_of_artifacts_that_go_goes_too() -> None:
    app, shelf = with_versions()
    [dev] = done(cleanup(app)).environments
    assert stored(app) == MANY[5:]
    assert left(shelf) == STAY
    assert (dev.left_deleted, dev.left["version of function shop"].stay) == (5, 5)
    assert "version of function shop: 5 gone, 5 stay" in app.screen.text


def test_a_dry_run_says_what_would_go_of_each_and_deletes_nothing() -> None:
    app, shelf = with_versions()
    [dev] = done(cleanup(app, dry_run=True)).environments
    reasons = {row.artifact: row.reason for row in dev.rows if row.kind != "artifact"}
    assert reasons["version 0"] == "its artifact is gone"
    assert reasons["version 9"] == f"{MANY[9]} stays: web-1 runs it"
    assert len(shelf.rows) == 10
    assert "delete" not in shelf.calls
    assert "version of function shop: 5 would go, 5 stay" in app.screen.text


def test_what_an_alias_names_stays_with_its_artifact() -> None:
    app, shelf = with_versions()
    shelf.uses["0"] = "alias blue names it"
    done(cleanup(app))
    assert stored(app) == [MANY[0], *MANY[5:]], "what runs needs its artifact: Lambda reads an image again"
    assert left(shelf) == ["version 0", *STAY]


def test_what_comes_into_use_after_the_first_look_stays() -> None:
    app, shelf = with_versions()

    def moved() -> None:
        if shelf.calls.count("used") == 2:
            shelf.uses["3"] = "alias live names it"

    shelf.asking = moved
    done(cleanup(app))
    assert left(shelf) == ["version 3", *STAY]


def test_what_another_environment_stores_stays_whether_the_settings_name_it_or_not() -> None:
    app, shelf = with_versions()
    app.publish(MANY[1], environment="renamed")
    done(cleanup(app))
    assert left(shelf) == ["version 1", *STAY]


def test_what_a_killed_run_left_goes_the_next_time() -> None:
    app, shelf = with_versions()

    def die(leftover: Leftover) -> None:
        if leftover.id == "2":
            raise KeyboardInterrupt

    shelf.deleting = die
    with pytest.raises(KeyboardInterrupt):
        cleanup(app)
    assert stored(app) == MANY[5:], "manifests go first"
    assert left(shelf) == ["version 2", "version 3", "version 4", *STAY]
    shelf.deleting = lambda _: None
    app.clock.advance(3600)
    done(cleanup(app))
    assert left(shelf) == STAY


def test_a_version_of_an_artifact_that_nobody_stores_any_longer_goes() -> None:
    app, shelf = with_versions()
    shelf.put(version(app, 77, "0.0.7-dev"))
    done(cleanup(app))
    assert left(shelf) == STAY


def with_code(app: FakeApp, artifact: str, sha256: str) -> None:
    """Have a manifest name a package of that code."""
    key = layout.artifact("hello", "dev", artifact, layout.MANIFEST)
    manifest = Manifest.from_json(app.store.objects[key].body, key)
    named = replace(manifest, packages={"api": PackageRef("api.zip", sha256, 1)})
    app.store.objects[key] = replace(app.store.objects[key], body=named.to_json())


def test_a_version_that_later_artifacts_of_the_same_code_have_kept_stays_as_long_as_they_do() -> None:
    """A function in which nothing changed keeps its version: its label is the older artifact's (ADR 0041)."""
    app, shelf = with_versions()
    for number, code in ((0, "aa"), (1, "bb")):
        shelf.put(version(app, number, code=f"sha256:{code}"))
    with_code(app, MANY[1], "bb")  # it goes
    with_code(app, MANY[8], "aa")  # a rollback goes to it
    [dev] = done(cleanup(app, dry_run=True)).environments
    reasons = {row.artifact: row.reason for row in dev.rows}
    assert reasons["version 0"] == f"the manifest of {MANY[8]} on dev names it"
    done(cleanup(app))
    assert stored(app) == MANY[5:]
    assert left(shelf) == ["version 0", *STAY]


def test_if_a_manifest_that_stays_cannot_be_read_no_version_goes_that_it_may_have_kept() -> None:
    app, shelf = with_versions()
    shelf.put(version(app, 0, code="sha256:aa"))
    key = layout.artifact("hello", "dev", MANY[6], layout.MANIFEST)
    app.store.objects[key] = replace(app.store.objects[key], body=b"{}")
    with pytest.raises(Refused, match=f"{MANY[6]}/manifest.json can't be read, so what it names is not known"):
        done(cleanup(app))
    assert len(shelf.rows) == 10


@pytest.mark.parametrize("operation", ["look", "used"])
def test_if_it_is_not_known_what_is_in_use_nothing_goes(operation: str) -> None:
    app, shelf = with_versions()
    shelf.down = operation
    with pytest.raises(Refused, match="can't all be read"):
        done(cleanup(app))
    assert stored(app) == MANY
    assert len(shelf.rows) == 10


def test_a_dry_run_goes_on_without_what_it_may_not_look_at_and_says_so() -> None:
    """A person's policy has no permission for it; the role of cleanup has."""
    app, shelf = with_versions()
    shelf.down = "look"
    [dev] = done(cleanup(app, dry_run=True)).environments
    assert dev.go == 5
    assert "What is left of deployments to dev can't all be read" in dev.unlisted
    assert "so this list is incomplete" in app.screen.text


def test_what_could_not_be_deleted_is_said_and_the_rest_goes() -> None:
    app, shelf = with_versions()
    shelf.undeletable["1"] = "an execution began."
    with pytest.raises(ServiceFailed, match="1 leftover of dev could not be deleted; version 1: an execution began"):
        done(cleanup(app))
    assert left(shelf) == ["version 1", *STAY]


def test_nothing_goes_of_an_environment_that_is_frozen_or_held() -> None:
    app, shelf = with_versions()
    freeze(app, env="dev", until="8h", reason="the sale")
    done(cleanup(app))
    assert len(shelf.rows) == 10
    assert shelf.calls == [], "nobody is asked either"


def test_a_deployment_between_the_manifests_and_the_rest_stops_it() -> None:
    app, shelf = with_versions()

    def deployed(verb: str, key: str) -> None:
        if verb == "delete_all" and not key.endswith(layout.MANIFEST):
            app.store.after = lambda _verb, _key: None
            app.publish("0.3.0-dev")
            deploy(app, artifact="0.3.0-dev")

    app.store.after = deployed
    with pytest.raises(Held, match="during the cleanup"):
        done(cleanup(app))
    assert len(shelf.rows) == 10
    app.clock.advance(3600)
    done(cleanup(app))
    assert left(shelf) == STAY[1:], "the newest five are others by now"


# -- images ------------------------------------------------------------------------------------------------------------


def with_images() -> tuple[FakeApp, FakeShelf]:
    app = FakeApp(
        settings=settings(
            environments=environments(image={"repository": REPOSITORY}, ec2={"runtime": "docker", "command": []})
        )
    )
    images = FakeImages()
    app.given["registry"] = images
    shipped(app=app)
    shelf = images.shelf(REPOSITORY, ["dev"])
    assert isinstance(shelf, FakeShelf)
    shelf.put(*(version(app, number, size=10**9) for number in range(10)))
    return app, shelf


def test_images_go_with_their_artifacts_and_the_cost_is_said() -> None:
    app, shelf = with_images()
    [dev] = done(cleanup(app)).environments
    assert left(shelf) == STAY
    assert round(dev.saved, 2) == 0.5
    assert "about $0.50 a month less, of $1.00: an estimate" in app.screen.text


def test_an_image_that_a_manifest_under_another_id_names_stays() -> None:
    app, shelf = with_images()
    key = layout.artifact("hello", "dev", MANY[9], layout.MANIFEST)
    manifest = Manifest.from_json(app.store.objects[key].body, key)
    named = replace(manifest, image=ImageRef(REPOSITORY, "final", "3", {"linux/arm64": "2"}))
    app.store.objects[key] = replace(app.store.objects[key], body=named.to_json())
    done(cleanup(app))
    assert left(shelf) == ["version 2", "version 3", *STAY]


def test_an_image_that_a_task_definition_which_stays_names_stays() -> None:
    app, shelf = with_images()
    tasks = FakeShelf("task definition hello")
    tasks.put(Leftover("arn", "task definition hello:1", (), None, images=("4",)))
    app.hosts.left = [tasks]
    done(cleanup(app))
    assert left(shelf) == ["version 4", *STAY]


def test_if_a_manifest_that_stays_cannot_be_read_no_image_goes() -> None:
    app, shelf = with_images()
    key = layout.artifact("hello", "dev", MANY[6], layout.MANIFEST)
    app.store.objects[key] = replace(app.store.objects[key], body=b"{}")
    with pytest.raises(Refused, match=f"{MANY[6]}/manifest.json can't be read"):
        done(cleanup(app))
    assert len(shelf.rows) == 10


# -- rules of others ---------------------------------------------------------------------------------------------------


def test_lifecycle_rules_that_delete_what_may_be_in_use_are_named() -> None:
    app, _ = with_images()
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "hello/"}, "Expiration": {"Days": 30}}
    app.store.rules = [rule, {**rule, "ID": "off", "Status": "Disabled"}, {**rule, "Filter": {"Prefix": "other/"}}]
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 2}
    app.registry.policies[REPOSITORY] = json.dumps({"rules": [{"selection": selection}]})  # type: ignore[attr-defined]
    [dev] = done(cleanup(app, dry_run=True)).environments
    assert dev.contradictions == [
        "bucket hello-artifacts: its rule old deletes an object 30 days after it was stored, even if it serves",
        f"repository {REPOSITORY}: its lifecycle policy keeps the newest 2 images alone",
    ]
    assert "its rule old deletes" in app.screen.text


def test_a_rule_that_archives_artifacts_is_named_and_older_versions_are_nobodys_need() -> None:
    app, _ = with_versions()
    steps = [{"Days": 90, "StorageClass": "GLACIER"}, {"Days": 30, "StorageClass": "STANDARD_IA"}]
    older = {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
    app.store.rules = [{"ID": "cold", "Status": "Enabled", "Prefix": "", "Transitions": steps, **older}]
    [dev] = done(cleanup(app, dry_run=True)).environments
    [words] = dev.contradictions
    assert "moves an object to GLACIER 90 days after it was stored, and nothing is deployed from there" in words
