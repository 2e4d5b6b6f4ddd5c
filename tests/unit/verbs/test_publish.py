"""`publish`: wholly there or not there at all, never changed, and converging after a crash anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.manifest import Manifest, sha256
from tagship.engine.artifacts import verified_manifest
from tagship.errors import ArtifactMissing, NotAuthentic, Refused, ServiceFailed, SettingsError
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import FakeApp, environments
from tests.fakes.ci import FakeCi
from tests.fakes.signing import WordSigner
from tests.unit.ci import COMMIT, OTHER, TREE, VERSION, ci_app

ORDER = [
    layout.artifact("hello", "dev", VERSION, name)
    for name in (layout.BUNDLE, layout.PROVENANCE, layout.SBOM, layout.SIGNATURE, layout.MANIFEST)
]
BUNDLE, PROVENANCE, SBOM, SIGNATURE, MANIFEST = ORDER
PUTS = pytest.mark.parametrize("key", ORDER, ids=lambda key: key.rsplit("/")[-1])


def silent(*_: object) -> Any:
    raise ServiceFailed("AWS does not answer.", remedy="Run the same command again")


def test_an_error_after_the_bundle_was_stored_says_what_is_stored(tmp_path: Path) -> None:
    app = built(tmp_path)
    sign, get = app.signer.sign, app.store.get
    app.signer.sign = silent  # type: ignore[method-assign]
    with pytest.raises(ServiceFailed) as caught:
        publish(app, artifact=VERSION)
    assert caught.value.state == f"The bundle of {VERSION} is stored; without a manifest it is not an artifact."
    app.signer.sign = sign  # type: ignore[method-assign]

    def fails_once(_: str) -> Any:
        app.store.get = get  # type: ignore[method-assign]
        return silent()

    app.store.after = lambda _, key: setattr(app.store, "get", fails_once) if key == MANIFEST else None
    with pytest.raises(ServiceFailed) as caught:
        publish(app, artifact=VERSION)
    assert caught.value.state == f"{VERSION} is published: its manifest is stored."


def test_if_the_bucket_does_not_say_what_is_stored_nothing_is_claimed(tmp_path: Path) -> None:
    app = built(tmp_path)

    def dies(_: bytes) -> bytes:
        app.store.head = silent  # type: ignore[method-assign]
        return bytes(silent())

    app.signer.sign = dies  # type: ignore[method-assign]
    with pytest.raises(ServiceFailed) as caught:
        publish(app, artifact=VERSION)
    assert caught.value.state == f"Part of {VERSION} may be stored; without a manifest it is not an artifact."


class Crash(BaseException):
    """The runner died."""


def built(root: Path, **changes: object) -> FakeApp:
    app = ci_app(root, **changes)  # type: ignore[arg-type]
    app.ci = FakeCi(tag=VERSION, run="4711")
    bundle(app, artifact=VERSION)
    return app


def elsewhere(app: FakeApp, root: Path) -> FakeApp:
    """Another runner, later, with the same commit, bucket and key."""
    other = built(root)
    other.store, other.signer, other.verifier = app.store, app.signer, app.verifier
    other.clock.advance(3600)
    other.ci.run = "4712"
    other.who, other.run_url = "run 4712 (grace)", "https://github.example/runs/4712"
    return other


def snapshot(app: FakeApp) -> dict[str, bytes]:
    return {key: found.body for key, found in app.store.objects.items()}


def test_its_objects_are_created_the_manifest_last(tmp_path: Path) -> None:
    app = built(tmp_path)
    manifest = publish(app, artifact=VERSION)
    assert app.store.writes == [("create", key) for key in ORDER]
    assert manifest == verified_manifest(app, "dev", VERSION)
    assert app.store.objects[MANIFEST].body == manifest.to_json()
    assert manifest.committed == f"{app.repository.committed(COMMIT):%Y-%m-%dT%H:%M:%SZ}"


def test_every_object_says_where_it_comes_from(tmp_path: Path) -> None:
    app = built(tmp_path)
    app.ci.pull_request = "51"
    publish(app, artifact=VERSION)
    for key in (BUNDLE, SIGNATURE, MANIFEST):
        assert app.store.objects[key].metadata == {
            "commit-sha": COMMIT,
            "branch": "dev",
            "build-time": "2026-11-20T12:00:00Z",
            "workflow-run-id": "4711",
            "pr-number": "51",
            "builder": "ada@laptop",
            "run-url": "-",
            "image": "-",
        }


def test_the_manifest_names_everything(tmp_path: Path) -> None:
    app = built(tmp_path)
    manifest = publish(app, artifact=VERSION)
    assert manifest is not None
    assert (manifest.app, manifest.environment, manifest.artifact_id, manifest.tag) == (
        "hello",
        "dev",
        VERSION,
        VERSION,
    )
    assert (manifest.commit, manifest.branch, manifest.ci_run, manifest.builder) == (
        COMMIT,
        "dev",
        "4711",
        "ada@laptop",
    )
    assert manifest.bundle.key == BUNDLE
    assert manifest.bundle.sha256 == sha256(app.store.objects[BUNDLE].body)
    assert manifest.files["app/app.py"] == sha256(TREE["app/app.py"])
    assert manifest.host_files is not None
    assert manifest.host_files.source == "repository"
    assert manifest.configuration_sha256 == manifest.files["deploy/environments/dev.conf"]


def test_a_dry_run_puts_nothing(tmp_path: Path) -> None:
    app = built(tmp_path)
    assert publish(app, artifact=VERSION, dry_run=True) is None
    assert app.store.writes == []


# -- again -------------------------------------------------------------------------------------------------------------


def test_the_same_bytes_again_succeed_and_change_nothing(tmp_path: Path) -> None:
    app = built(tmp_path / "one")
    first = publish(app, artifact=VERSION)
    before, writes = snapshot(app), list(app.store.writes)
    again = elsewhere(app, tmp_path / "other")
    assert publish(again, artifact=VERSION) == first
    assert (snapshot(app), app.store.writes) == (before, writes)
    assert "0.1.0-dev is published already with the same bytes: nothing to do" in again.screen.lines


def test_other_bytes_under_the_same_id_are_refused_and_both_are_named(tmp_path: Path) -> None:
    app = built(tmp_path / "one")
    first = publish(app, artifact=VERSION)
    before = snapshot(app)
    other = built(tmp_path / "other", tree={**TREE, "app/app.py": b"print('changed')\n"})
    other.store, other.signer, other.verifier = app.store, app.signer, app.verifier
    with pytest.raises(Refused, match=r"0\.1\.0-dev is taken in dev") as caught:
        publish(other, artifact=VERSION)
    ours = json.loads((other.root / ".tagship/build" / VERSION / "bundle.json").read_bytes())["sha256"]
    assert first is not None
    assert f"bundle {first.bundle.sha256} there, {ours} here" in caught.value.what
    assert snapshot(app) == before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bundle": {"level": 1}}, "Every file has the same content: an executable bit differs, or the compression"),
        ({"tree": {**TREE, "app/app.py": b"print('changed')\n"}}, r"These files differ: app/app\.py\.$"),
        (
            {"environments": environments(health={"path": "/up"})},
            r"Only the configuration differs: deploy/environments/dev\.conf\.$",
        ),
    ],
    ids=["level", "file", "configuration"],
)
def test_a_refusal_says_how_the_bundles_differ(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    app = built(tmp_path / "one")
    publish(app, artifact=VERSION)
    other = built(tmp_path / "other", **changes)
    other.store, other.signer, other.verifier = app.store, app.signer, app.verifier
    with pytest.raises(Refused, match=sentence):
        publish(other, artifact=VERSION)


def test_another_commit_with_the_same_bundle_is_refused_for_the_commit_alone(tmp_path: Path) -> None:
    app = built(tmp_path / "one")
    publish(app, artifact=VERSION)
    other = elsewhere(app, tmp_path / "other")
    file = other.root / ".tagship/build" / VERSION / "bundle.json"
    file.write_text(file.read_text().replace(COMMIT, OTHER))
    with pytest.raises(Refused) as caught:
        publish(other, artifact=VERSION)
    assert caught.value.what == (
        f"0.1.0-dev is taken in dev: commit {COMMIT} there, {OTHER} here. The bundles are the same, byte for byte."
    )


@pytest.mark.parametrize("moment", ["before", "after"])
@PUTS
def test_a_crash_at_any_put_leaves_no_artifact_and_converges(key: str, moment: str, tmp_path: Path) -> None:
    app = built(tmp_path / "one")

    def crash(_verb: str, at: str) -> None:
        if at == key:
            raise Crash

    setattr(app.store, moment, crash)
    with pytest.raises(Crash):
        publish(app, artifact=VERSION)
    setattr(app.store, moment, lambda _verb, _key: None)
    left = snapshot(app)
    if (key, moment) != (MANIFEST, "after"):
        with pytest.raises(ArtifactMissing):
            verified_manifest(app, "dev", VERSION)
    again = elsewhere(app, tmp_path / "other")
    manifest = publish(again, artifact=VERSION)
    assert manifest == verified_manifest(app, "dev", VERSION)
    assert manifest.ci_run == ("4711" if left else "4712"), "the first to store the bundle says where it comes from"
    assert {at: snapshot(app)[at] for at in left} == left, "nothing is ever overwritten"
    assert len(app.store.writes) == len(ORDER)


@PUTS
def test_two_publishers_at_once_make_one_artifact(key: str, tmp_path: Path) -> None:
    app = built(tmp_path / "one")
    other = elsewhere(app, tmp_path / "other")

    def race(_verb: str, at: str) -> None:
        if at == key:
            app.store.before = lambda _verb, _key: None
            publish(other, artifact=VERSION)

    app.store.before = race
    manifest = publish(app, artifact=VERSION)
    assert manifest == verified_manifest(other, "dev", VERSION)
    assert sorted(app.store.writes) == sorted(("create", key) for key in ORDER)


# -- refused -----------------------------------------------------------------------------------------------------------


def test_a_bundle_of_others_without_a_manifest_is_left_alone(tmp_path: Path) -> None:
    app = built(tmp_path)
    app.store.create(BUNDLE, b"something else")
    with pytest.raises(NotAuthentic, match="without tagship's metadata"):
        publish(app, artifact=VERSION)
    assert snapshot(app) == {BUNDLE: b"something else"}


def test_other_bytes_of_a_publisher_that_died_are_refused_and_get_no_manifest(tmp_path: Path) -> None:
    first = built(tmp_path / "first")
    publish(first, artifact=VERSION)
    theirs = first.store.objects[BUNDLE]
    app = built(tmp_path / "second")
    app.store.create(BUNDLE, theirs.body[::-1], theirs.metadata)
    with pytest.raises(Refused, match=f"{VERSION} is taken in dev: bundle"):
        publish(app, artifact=VERSION)
    assert list(app.store.objects) == [BUNDLE]


def test_a_stale_signature_that_does_not_verify_is_refused_and_left(tmp_path: Path) -> None:
    app = built(tmp_path)
    app.store.create(SIGNATURE, WordSigner("another key").sign(b""))
    before = app.store.objects[SIGNATURE].body
    with pytest.raises(NotAuthentic, match=r"manifest\.sig"):
        publish(app, artifact=VERSION)
    assert app.store.objects[SIGNATURE].body == before
    assert MANIFEST not in app.store.objects


def test_a_key_pair_that_is_none_is_found_before_anything_is_signed(tmp_path: Path) -> None:
    app = built(tmp_path)
    app.verifier = WordSigner("another key")
    with pytest.raises(SettingsError, match="not a pair"):
        publish(app, artifact=VERSION)
    assert set(app.store.objects) == {BUNDLE}


@pytest.mark.parametrize("name", ["bundle.json", "deploy-bundle.tar.gz"])
def test_a_bundle_that_was_not_built_is_said(name: str, tmp_path: Path) -> None:
    app = built(tmp_path)
    (tmp_path / ".tagship/build" / VERSION / name).unlink()
    with pytest.raises(Refused, match="is not built") as caught:
        publish(app, artifact=VERSION)
    assert caught.value.remedy == "Build it: inv bundle --version 0.1.0-dev"


@pytest.mark.parametrize(
    "alter", [lambda raw: raw + b"\0", lambda raw: raw[:-1] + b"\1"], ids=["longer", "same length"]
)
def test_a_bundle_altered_after_it_was_built_is_not_published(alter: object, tmp_path: Path) -> None:
    app = built(tmp_path)
    file = tmp_path / ".tagship/build" / VERSION / "deploy-bundle.tar.gz"
    file.write_bytes(alter(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(NotAuthentic, match=r"deploy-bundle\.tar\.gz"):
        publish(app, artifact=VERSION)
    assert app.store.objects == {}


def test_an_environment_that_runs_images_needs_one(tmp_path: Path) -> None:
    docker = environments(ec2={"runtime": "docker", "command": []}, image={"repository": "registry.example/hello"})
    app = built(tmp_path, environments=docker)
    with pytest.raises(Refused, match=r"image\.json of 0\.1\.0-dev is not built") as caught:
        publish(app, artifact=VERSION)
    assert caught.value.remedy == "Build it: inv build --version 0.1.0-dev"


# -- reading back ------------------------------------------------------------------------------------------------------


def test_every_flipped_byte_of_the_manifest_is_noticed(tmp_path: Path) -> None:
    app = built(tmp_path)
    publish(app, artifact=VERSION)
    raw = app.store.objects[MANIFEST].body
    for at in range(0, len(raw), 7):
        tampered(app, MANIFEST, raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(NotAuthentic):
            verified_manifest(app, "dev", VERSION)


def test_a_bundle_with_other_bytes_size_or_commit_is_noticed(tmp_path: Path) -> None:
    app = built(tmp_path)
    publish(app, artifact=VERSION)
    good = app.store.objects[BUNDLE]
    other_commit = {**good.metadata, "commit-sha": "f" * 40}
    for body, metadata in (
        (good.body[::-1], good.metadata),
        (b"short", good.metadata),
        (good.body, other_commit),
        (good.body, {}),
    ):
        tampered(app, BUNDLE, body, dict(metadata))
        with pytest.raises(NotAuthentic, match=r"is not the bundle that its manifest names|lacks its commit"):
            verified_manifest(app, "dev", VERSION)


def test_a_manifest_moved_to_another_id_or_environment_proves_nothing(tmp_path: Path) -> None:
    app = built(tmp_path)
    publish(app, artifact=VERSION)
    for environment, artifact_id in (("dev", "0.1.1-dev"), ("prod", VERSION)):
        for name in (layout.BUNDLE, layout.SIGNATURE, layout.MANIFEST):
            found = app.store.objects[layout.artifact("hello", "dev", VERSION, name)]
            app.store.create(layout.artifact("hello", environment, artifact_id, name), found.body, found.metadata)
        with pytest.raises(NotAuthentic, match=r"is the manifest of hello/dev/0\.1\.0-dev, not of"):
            verified_manifest(app, environment, artifact_id)


def test_a_signed_manifest_in_other_words_is_not_taken(tmp_path: Path) -> None:
    app = built(tmp_path)
    manifest = publish(app, artifact=VERSION)
    assert manifest is not None
    raw = json.dumps(json.loads(manifest.to_json())).encode()
    assert Manifest.from_json(raw, "") == manifest
    tampered(app, MANIFEST, raw)
    tampered(app, SIGNATURE, app.signer.sign(raw))
    with pytest.raises(NotAuthentic, match="is not a manifest of tagship's"):
        verified_manifest(app, "dev", VERSION)


def test_what_is_missing_is_said_with_what_is_there_instead(tmp_path: Path) -> None:
    app = built(tmp_path)
    with pytest.raises(ArtifactMissing) as nothing:
        verified_manifest(app, "dev", "0.1.9-dev")
    assert nothing.value.remedy == "Nothing is stored for dev yet. Ship a version: inv deploy-dev"
    publish(app, artifact=VERSION)
    with pytest.raises(ArtifactMissing, match=r"no artifact 0\.1\.9-dev in dev of s3://hello-artifacts/") as other:
        verified_manifest(app, "dev", "0.1.9-dev")
    assert other.value.remedy == (
        "Stored versions: 0.1.0-dev. Take one: inv deploy --version 0.1.0-dev --env dev"
        "\n       If it should exist, look in its CI run for why publishing failed"
    )


@pytest.mark.parametrize(
    ("gone", "error"), [(SIGNATURE, NotAuthentic), (BUNDLE, ArtifactMissing), (MANIFEST, ArtifactMissing)]
)
def test_an_artifact_that_lost_a_part_is_none(gone: str, error: type[Exception], tmp_path: Path) -> None:
    app = built(tmp_path)
    publish(app, artifact=VERSION)
    del app.store.objects[gone]
    with pytest.raises(error):
        verified_manifest(app, "dev", VERSION)


def test_an_unsigned_bundle_of_an_older_layout_is_pointed_at(tmp_path: Path) -> None:
    app = built(tmp_path)
    app.store.create("bundles/dev/deploy-bundle-0.0.9-dev.tar.gz", b"old")
    with pytest.raises(ArtifactMissing) as caught:
        verified_manifest(app, "dev", "0.0.9-dev")
    assert "s3://hello-artifacts/bundles/dev/deploy-bundle-0.0.9-dev.tar.gz" in caught.value.state


def tampered(app: FakeApp, key: str, body: bytes, metadata: dict[str, str] | None = None) -> None:
    """Write over an object, as somebody with the bucket's keys but not the release key could."""
    kept = dict(app.store.objects.pop(key).metadata)
    app.store.create(key, body, kept if metadata is None else metadata)


def test_what_another_job_handed_over_is_published_if_its_digest_fits(tmp_path: Path) -> None:
    app = built(tmp_path)
    digest = app.ci.outputs["built"]
    with pytest.raises(NotAuthentic, match="the job that built it says 0000") as caught:
        publish(app, artifact=VERSION, built="0" * 64)
    assert caught.value.state == "Nothing was signed or stored."
    assert publish(app, artifact=VERSION, built=digest)
