"""Stored artifacts: what is believed of them, and what is said of one that is not."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tagship.domain import layout
from tagship.domain.manifest import Manifest, PackageRef, sha256
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import (
    altered,
    folder,
    stored_ids,
    stored_manifest,
    verified,
    verified_manifest,
)
from tagship.engine.tagged import commit_of
from tagship.errors import ArtifactMissing, NotAuthentic, Refused
from tagship.ports.repository import Tag
from tagship.verbs.mark_bad import mark_bad
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.repository import FakeRepository

OLD, NEW = ArtifactId("0.1.29-dev"), ArtifactId("0.1.30-dev")
AGAIN = "Don't deploy it. Publish the commit under a new number: inv deploy-dev"
PLACE = f"s3://hello-artifacts/hello/dev/{NEW}"
BUNDLE = f"hello/dev/{NEW}/deploy-bundle.tar.gz"
LATER = "\n       If it should exist, look in its CI run for why publishing failed"
NEAR = f"Take one: inv deploy --version {OLD} --env dev{LATER}"


def an_app(*versions: str, **changes: object) -> FakeApp:
    app = FakeApp(**changes)  # type: ignore[arg-type]
    app.publish(*(versions or (NEW,)))
    return app


def sign_again(app: FakeApp, change: Callable[[Manifest], Manifest]) -> None:
    """Whoever has the key signs another manifest in its place."""
    key = layout.artifact("hello", "dev", NEW, layout.MANIFEST)
    raw = change(Manifest.from_json(app.store.objects[key].body, key)).to_json()
    put(app, layout.MANIFEST, raw)
    put(app, layout.SIGNATURE, app.signer.sign(raw))


def put(app: FakeApp, name: str, raw: bytes) -> None:
    key = layout.artifact("hello", "dev", NEW, name)
    app.store.objects[key] = replace(app.store.objects[key], body=raw)


def refused(app: FakeApp) -> NotAuthentic:
    with pytest.raises(NotAuthentic) as caught:
        verified(app, "dev", NEW)
    return caught.value


def missing(app: FakeApp, artifact: ArtifactId = NEW) -> ArtifactMissing:
    with pytest.raises(ArtifactMissing) as caught:
        verified(app, "dev", artifact)
    return caught.value


# -- believed ----------------------------------------------------------------------------------------------------------


def test_what_is_signed_and_whole_is_believed() -> None:
    app = an_app()
    found = verified(app, "dev", NEW)
    assert found.signed
    assert found.manifest.artifact_id == NEW
    assert found.manifest_sha256 == sha256(app.store.objects[f"hello/dev/{NEW}/manifest.json"].body)
    assert verified_manifest(app, "dev", NEW) == stored_manifest(app, "dev", NEW) == found.manifest
    assert app.screen.warnings == []


def test_what_nobody_signed_is_believed_where_the_settings_say_so_and_it_is_said() -> None:
    app = FakeApp(settings=settings(environments=environments(allow_unsigned=True)))
    app.publish(NEW, signed=False)
    said = f"UNSIGNED: nobody signed {NEW}; dev allows that (allow_unsigned)"
    assert not verified(app, "dev", NEW).signed
    assert app.screen.warnings == [said]
    assert stored_manifest(app, "dev", NEW)
    assert app.screen.warnings == [said, said]


def test_a_signature_that_is_there_has_to_verify_wherever_it_is() -> None:
    app = an_app(settings=settings(environments=environments(allow_unsigned=True)))
    put(app, layout.SIGNATURE, b"anything")
    assert refused(app).what == f"The signature of {PLACE}/manifest.json is not by the release key."


def test_what_nobody_signed_is_refused() -> None:
    app = FakeApp()
    app.publish(NEW, signed=False)
    error = refused(app)
    assert error.what == (
        f"{PLACE}/manifest.json has no signature (manifest.sig), and dev accepts no unsigned artifacts."
    )
    assert error.remedy == AGAIN


# -- not believed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"app": "other"}, f"other/dev/{NEW}"),
        ({"environment": "prod"}, f"hello/prod/{NEW}"),
        ({"artifact_id": OLD}, f"hello/dev/{OLD}"),
    ],
)
def test_a_manifest_that_was_signed_for_another_place_proves_nothing_here(change: dict[str, str], named: str) -> None:
    app = an_app()
    sign_again(app, lambda manifest: replace(manifest, **change))  # type: ignore[arg-type]
    error = refused(app)
    assert error.what == f"{PLACE}/manifest.json is the manifest of {named}, not of hello/dev/{NEW}."
    assert error.remedy == AGAIN


def test_a_bundle_elsewhere_is_not_fetched() -> None:
    app = an_app(OLD, NEW)
    other = f"hello/dev/{OLD}/deploy-bundle.tar.gz"
    sign_again(app, lambda manifest: replace(manifest, bundle=replace(manifest.bundle, key=other)))
    error = refused(app)
    assert (error.what, error.remedy) == (f"{PLACE}/manifest.json names a bundle elsewhere: {other}.", AGAIN)


def test_bytes_that_are_not_in_tagship_s_form_are_refused_though_they_are_signed() -> None:
    app = an_app()
    raw = app.store.objects[f"hello/dev/{NEW}/manifest.json"].body + b"\n"
    put(app, layout.MANIFEST, raw)
    put(app, layout.SIGNATURE, app.signer.sign(raw))
    error = refused(app)
    assert (error.what, error.remedy) == (f"{PLACE}/manifest.json is not a manifest of tagship's.", AGAIN)


def test_what_is_no_manifest_is_said_with_its_place() -> None:
    app = an_app()
    put(app, layout.MANIFEST, b"{}")
    put(app, layout.SIGNATURE, app.signer.sign(b"{}"))
    assert refused(app).what.startswith(f"{PLACE}/manifest.json has manifest schema None")


BODY = f"the bundle of {NEW}".encode()


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"size": 7}, f"bytes 7, not {len(BODY)}"),
        ({"sha256": "ab"}, f"sha256 ab, not {sha256(BODY)}"),
        ({"size": 7, "sha256": ""}, f"bytes 7, not {len(BODY)}; sha256 unknown, not {sha256(BODY)}"),
    ],
)
def test_a_bundle_with_other_bytes_or_of_another_commit_is_refused(change: dict[str, object], wrong: str) -> None:
    app = an_app()
    app.store.objects[BUNDLE] = replace(app.store.objects[BUNDLE], **change)  # type: ignore[arg-type]
    error = refused(app)
    assert error.what == f"s3://hello-artifacts/{BUNDLE} is not the bundle that its manifest names: {wrong}."
    assert error.remedy == AGAIN


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"sha256": ""}, "sha256"),
        ({"metadata": {}}, "commit"),
        ({"sha256": "", "metadata": {}}, "sha256 and commit"),
    ],
)
def test_a_bundle_that_was_put_back_by_hand_is_refused_with_what_mends_it(
    change: dict[str, object], lacks: str
) -> None:
    app = an_app()
    whole = app.store.objects[BUNDLE]
    app.store.objects[BUNDLE] = replace(whole, **change)  # type: ignore[arg-type]
    error = refused(app)
    assert error.what == (f"s3://hello-artifacts/{BUNDLE} lacks its {lacks}: something other than tagship wrote it.")
    mend, anew = error.remedy.split("\n")
    words = shlex.split(mend.partition(": ")[2])
    place, region = f"s3://hello-artifacts/{BUNDLE}", "--region us-east-1"
    assert mend.endswith(region)
    steps = f"aws s3 cp {place} deploy-bundle.tar.gz {region} && aws s3 rm {place} {region} && aws s3api put-object"
    assert steps in mend
    put = words[words.index("put-object") :]
    assert put[1:7] == f"--bucket hello-artifacts --key {BUNDLE} --body deploy-bundle.tar.gz".split()
    assert put[7:11] == ["--if-none-match", "*", "--checksum-algorithm", "SHA256"]
    app.store.objects[BUNDLE] = replace(whole, metadata=json.loads(words[words.index("--metadata") + 1]))
    assert verified(app, "dev", ArtifactId(NEW)).signed
    assert anew.strip() == "Otherwise publish the commit under a new number: inv deploy-dev"


# -- not there ---------------------------------------------------------------------------------------------------------


def test_a_manifest_without_its_bundle_is_said_with_what_else_there_is() -> None:
    app = an_app(OLD, NEW)
    del app.store.objects[BUNDLE]
    error = missing(app)
    assert error.what == (f"The bundle of {NEW} is gone: s3://hello-artifacts/{BUNDLE} is not there.")
    assert error.remedy == f"Take another version. Stored versions: {OLD}. {NEAR.removesuffix(LATER)}"


def test_a_bundle_without_its_manifest_is_one_whose_publishing_did_not_end() -> None:
    app = an_app(OLD, NEW)
    del app.store.objects[f"hello/dev/{NEW}/manifest.json"]
    assert stored_manifest(app, "dev", NEW) is None
    error = missing(app)
    assert error.what == f"There is no artifact {NEW} in dev of s3://hello-artifacts/."
    assert error.state == "Nothing was changed. Its bundle is stored without a manifest: `publish` did not finish."
    assert error.remedy == f"Finish publishing it: inv publish --version {NEW} --env dev"


def test_a_bundle_of_an_older_layout_is_told_of_by_the_app_of_a_preview_too() -> None:
    app = FakeApp()
    older = "hello/pr-51/hello-deployment.tar.gz"
    app.store.create(older, b"x")
    with pytest.raises(ArtifactMissing) as caught:
        verified(app, "pr-51", NEW)
    assert caught.value.state.endswith(f"at s3://hello-artifacts/{older}.")


def test_a_bundle_of_an_older_layout_is_told_of() -> None:
    app = an_app(OLD)
    older = f"bundles/dev/deploy-bundle-{NEW}.tar.gz"
    app.store.create(older, b"x")
    error = missing(app)
    assert error.what == f"There is no artifact {NEW} in dev of s3://hello-artifacts/."
    assert error.state == (
        f"Nothing was changed. An unsigned bundle of an older layout is at s3://hello-artifacts/{older}."
    )
    assert error.remedy == f"Stored versions: {OLD}. {NEAR}"


def test_the_nearest_name_is_offered_and_five_are_shown() -> None:
    stored = [f"0.{minor}.0-dev" for minor in range(10, 16)]
    app = an_app(*stored)
    error = missing(app, ArtifactId("0.11.1-dev"))
    assert error.state == "Nothing was changed."
    assert error.remedy.startswith(
        "Stored versions: 0.15.0-dev, 0.14.0-dev, 0.13.0-dev, 0.12.0-dev, 0.11.0-dev. "
        "Take one: inv deploy --version 0.11.0-dev --env dev\n"
    )
    far = missing(app, ArtifactId("622d2103-20261120-120000"))
    assert "Take one: inv deploy --version 0.15.0-dev --env dev" in far.remedy


def test_what_is_not_whole_is_not_offered() -> None:
    app = an_app(OLD, "0.1.28-dev")
    assert not altered(app, "dev", OLD)
    key = f"hello/dev/{OLD}/deploy-bundle.tar.gz"
    app.store.objects[key] = replace(app.store.objects[key], size=7)
    assert altered(app, "dev", OLD)
    assert missing(app).remedy.startswith(
        f"Stored versions: {OLD}, 0.1.28-dev. Take one: inv deploy --version 0.1.28-dev --env dev\n"
    )
    del app.store.objects[key]
    assert altered(app, "dev", OLD)
    app.remove("0.1.28-dev")
    assert missing(app).remedy == (f"Stored versions: {OLD}. Ship a version: inv deploy-dev{LATER}")


def test_what_lacks_a_package_or_has_another_is_not_whole_and_not_offered() -> None:
    app = an_app(NEW, OLD)
    key = f"hello/dev/{NEW}/packages/api.zip"
    app.store.create(key, b"zip")
    digest = app.store.objects[key].sha256
    sign_again(app, lambda manifest: replace(manifest, packages={"api": PackageRef(key, digest, 3)}))
    assert not altered(app, "dev", NEW)
    app.store.objects[key] = replace(app.store.objects[key], sha256="0" * 64)
    assert altered(app, "dev", NEW)
    del app.store.objects[key]
    assert altered(app, "dev", NEW)
    assert f"Take one: inv deploy --version {OLD} --env dev" in missing(app).remedy


def test_what_has_no_manifest_is_not_whole() -> None:
    app = an_app(OLD)
    del app.store.objects[f"hello/dev/{OLD}/manifest.json"]
    assert altered(app, "dev", OLD)
    assert altered(app, "dev", NEW)


def test_with_nothing_stored_a_release_is_the_way() -> None:
    assert missing(FakeApp()).remedy == "Nothing is stored for dev yet. Ship a version: inv deploy-dev"


def test_ids_are_listed_versions_first_then_untagged_builds_the_latest_of_each_first() -> None:
    builds = ("ffffffff-20261120-120000", "00000000-20261120-120001", "aaaaaaaa-20261119-120000")
    app = an_app("0.1.9-dev", "0.1.10-dev", *builds)
    app.store.create("hello/dev/stray.txt", b"x")
    app.store.create("hello/dev2/0.9.9-dev/manifest.json", b"x")
    assert stored_ids(app, "dev") == ["0.1.10-dev", "0.1.9-dev", builds[1], builds[0], builds[2]]


# -- where it comes from -----------------------------------------------------------------------------------------------


def test_the_commit_is_the_tag_s_or_what_the_id_begins_with() -> None:
    repository = FakeRepository()
    app = FakeApp(given={"repository": repository})
    commit = repository.commit("Say hello")
    assert commit_of(app, ArtifactId(f"{commit[:8]}-20261120-120000")) == commit
    repository.local[OLD] = Tag(OLD, "0" * 40, "c0ffee")
    assert commit_of(app, OLD) == "c0ffee"
    fetch = f"git fetch origin refs/tags/{NEW}:refs/tags/{NEW}"
    assert untagged(app) == (
        f"Neither this clone nor origin has a tag {NEW}.",
        "See which there are: inv versions\n       Or ship a version: inv deploy-dev",
    )
    repository.remote.tags[NEW] = Tag(NEW, "0" * 40, "c0ffee")
    assert untagged(app) == (f"This clone has no tag {NEW}.", f"Fetch it: {fetch}")
    repository.remote.reachable = False
    what, remedy = untagged(app)
    assert what.startswith(f"This clone has no tag {NEW}, and origin can't be asked for it (")
    assert remedy == f"If origin has it, fetch it: {fetch}"


def untagged(app: FakeApp) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        commit_of(app, NEW)
    return caught.value.what, caught.value.remedy


def test_ci_s_steps_leave_their_work_in_a_folder_of_the_artifact(tmp_path: Path) -> None:
    assert folder(FakeApp(root=tmp_path), NEW) == tmp_path / ".tagship" / "build" / NEW


def test_a_version_that_is_marked_bad_is_named_so_and_not_offered() -> None:
    app = an_app(OLD, "0.1.28-dev")
    mark_bad(app, version=OLD, reason="it loses mails")
    error = missing(app)
    assert error.remedy.startswith(
        f"Stored versions: {OLD} (marked bad), 0.1.28-dev. Take one: inv deploy --version 0.1.28-dev"
    )
