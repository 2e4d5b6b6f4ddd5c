"""Which image is signed: what was built here, or what a signed provenance vouches for, and nothing for its labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tagship.domain.attestation import opened, sealed, to_sign
from tagship.domain.manifest import ImageRef, Manifest, sha256
from tagship.domain.provenance import Provenance
from tagship.errors import NotAuthentic, ServiceFailed
from tagship.release.image_builds import REVISION
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import FakeApp, environments
from tests.fakes.ci import FakeCi
from tests.fakes.images import FakeImages
from tests.fakes.signing import WordSigner
from tests.unit.ci import COMMIT, VERSION, ci_app, several_app

REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"
WORKFLOW = "acme/hello/.github/workflows/deploy-dev.yml@refs/tags/0.1.0-dev"
PROVENANCE = f"hello/dev/{VERSION}/provenance.json"


def run(root: Path, images: FakeImages, number: int = 1, before: FakeApp | None = None) -> FakeApp:
    """A run that has built; each builds another image of the same commit, for its labels name the run."""
    chosen = environments(ec2={"runtime": "docker", "command": []}, image={"repository": REPOSITORY})
    app = ci_app(root / f"run-{number}", environments=chosen)
    app.given |= {"builder": images, "registry": images}
    app.ci = FakeCi(run=str(number), workflow=WORKFLOW)
    app.run_url = f"https://github.example/runs/{number}"
    if before:
        app.store, app.signer, app.verifier = before.store, before.signer, before.verifier
    build(app, artifact=VERSION)
    bundle(app, artifact=VERSION)
    return app


def published(app: FakeApp) -> Manifest:
    manifest = publish(app, artifact=VERSION)
    assert manifest is not None
    return manifest


def image_of(app: FakeApp) -> str:
    image = published(app).image
    assert image is not None
    return image.digest


def pushed_by_a_stranger(images: FakeImages) -> ImageRef:
    theirs = ImageRef(REPOSITORY, VERSION, "sha256:" + "e" * 64)
    images.stored[REPOSITORY, VERSION], images.ids[theirs.digest] = theirs, "sha256:" + "f" * 64
    images.labelled[theirs.digest] = {REVISION: COMMIT}
    return theirs


def vouched(app: FakeApp, image: ImageRef, signer: WordSigner | None = None, **changes: str) -> None:
    """Provenance in the bucket as `publish` writes it, but for what changes."""
    subjects = {changes.pop("repository", REPOSITORY): changes.pop("digest", image.digest)}
    said = Provenance(subjects, COMMIT, f"hello/dev/{VERSION}", WORKFLOW, "", "2026-11-20T12:00:00Z")
    statement = replace(said, **changes).statement()
    signature = (signer or app.signer).sign(to_sign(statement))
    app.store.create(PROVENANCE, sealed(statement, signature, app.keys("dev").id))


def test_the_image_that_was_built_is_pushed_and_named_by_the_registrys_digest(tmp_path: Path) -> None:
    images = FakeImages()
    app = run(tmp_path, images)
    assert image_of(app) == images.stored[REPOSITORY, VERSION].digest
    assert images.calls[1:] == [f"login {REPOSITORY}", f"push {REPOSITORY}:{VERSION}"]


def test_its_provenance_is_an_in_toto_statement_that_the_release_key_signed(tmp_path: Path) -> None:
    images = FakeImages()
    app = run(tmp_path, images)
    digest = image_of(app)
    envelope = app.store.objects[PROVENANCE].body
    statement, signature, key = opened(envelope, "x")
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(statement), statement)
    app.verifier.verify(signed, signature, "x", key)
    said = json.loads(statement)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    built_bundle = sha256(app.store.objects[f"hello/dev/{VERSION}/deploy-bundle.tar.gz"].body)
    assert said["subject"] == [
        {"name": REPOSITORY, "digest": {"sha256": digest.removeprefix("sha256:")}},
        {"name": f"hello/dev/{VERSION}/deploy-bundle.tar.gz", "digest": {"sha256": built_bundle}},
    ]
    assert said["predicate"]["runDetails"]["builder"]["id"] == WORKFLOW
    built = said["predicate"]["buildDefinition"]
    assert built["externalParameters"]["workflow"]["repository"] == "acme/hello"
    assert built["resolvedDependencies"][0]["digest"] == {"gitCommit": COMMIT}


def test_an_image_of_a_stranger_under_the_tag_is_refused_whatever_its_label_says(tmp_path: Path) -> None:
    images = FakeImages()
    pushed_by_a_stranger(images)
    app = run(tmp_path, images)
    with pytest.raises(NotAuthentic, match=r"is in the registry as sha256:eeee.* no signed provenance says") as caught:
        publish(app, artifact=VERSION)
    assert caught.value.state == "Nothing was signed or deployed; what is in the registry stays there."
    assert app.store.objects == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": "bada55" + "0" * 34},
        {"place": f"hello/prod/{VERSION}"},
        {"place": "hello/dev/0.1.1-dev"},
        {"workflow": WORKFLOW.replace("deploy-dev", "ci")},
        {"workflow": WORKFLOW.replace("acme", "evil")},
        {"digest": "sha256:" + "a" * 64},
        {"repository": REPOSITORY + "-2"},
    ],
)
def test_provenance_of_something_else_vouches_for_nothing(changes: dict[str, str], tmp_path: Path) -> None:
    images = FakeImages()
    app = run(tmp_path, images)
    vouched(app, pushed_by_a_stranger(images), **changes)
    with pytest.raises(NotAuthentic, match="is in the registry as sha256:eeee"):
        publish(app, artifact=VERSION)


@pytest.mark.parametrize("flaw", ["signer", "key", "no key", "payload", "kind", "json", "statement"])
def test_provenance_that_is_forged_or_broken_is_refused(flaw: str, tmp_path: Path) -> None:
    images = FakeImages()
    app = run(tmp_path, images)
    theirs = pushed_by_a_stranger(images)
    vouched(app, theirs, WordSigner("mallory") if flaw == "signer" else None)
    envelope = json.loads(app.store.objects[PROVENANCE].body)
    if flaw == "payload":
        envelope["payload"] = envelope["payload"][:-8] + "AAAA" + envelope["payload"][-4:]
    if flaw == "key":
        envelope["signatures"][0]["keyid"] = "0" * 16
    if flaw == "no key":
        del envelope["signatures"][0]["keyid"]
    if flaw == "kind":
        envelope["payloadType"] = "text/plain"
    body = b"{" if flaw == "json" else json.dumps(envelope).encode()
    if flaw == "statement":
        body = sealed(b"[]", app.signer.sign(to_sign(b"[]")), app.keys("dev").id)
    app.store.objects[PROVENANCE] = replace(app.store.objects[PROVENANCE], body=body)
    with pytest.raises(NotAuthentic):
        publish(app, artifact=VERSION)
    assert set(app.store.objects) == {PROVENANCE}


def test_a_job_that_is_run_again_finds_the_very_image_that_it_had_pushed(tmp_path: Path) -> None:
    images = FakeImages()
    app = run(tmp_path, images)
    first = images.push(
        app.root / f".tagship/build/{VERSION}/image.tar", next(iter(images.labelled)), REPOSITORY, VERSION
    )
    assert image_of(app) == first.digest
    assert "it is the image that was built" in app.screen.text
    assert len([call for call in images.calls if call.startswith("push")]) == 1


def test_a_run_that_builds_anew_goes_on_from_the_provenance_of_one_that_died(tmp_path: Path) -> None:
    images = FakeImages()
    died = run(tmp_path, images)
    published(died)
    first = images.stored[REPOSITORY, VERSION].digest
    for name in list(died.store.objects):
        if not name.endswith("provenance.json"):
            del died.store.objects[name]
    again = run(tmp_path, images, 2, died)
    assert image_of(again) == first
    assert "was built and pushed by https://github.example/runs/1: going on from it" in again.screen.text


def test_a_run_that_builds_anew_after_all_was_published_changes_nothing(tmp_path: Path) -> None:
    images = FakeImages()
    app = run(tmp_path, images)
    first = published(app)
    assert published(run(tmp_path, images, 2, app)) == first
    assert len([call for call in images.calls if call.startswith("push")]) == 1


def test_a_file_that_was_swapped_is_not_pushed(tmp_path: Path) -> None:
    app = run(tmp_path, FakeImages())
    (app.root / f".tagship/build/{VERSION}/image.tar").write_text("evil")
    with pytest.raises(NotAuthentic, match=r"image\.tar has sha256 .*; .* was built"):
        publish(app, artifact=VERSION)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"repository": "x", "more": 1}'])
def test_a_record_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    app = run(tmp_path, FakeImages())
    (app.root / f".tagship/build/{VERSION}/image.json").write_text(text)
    with pytest.raises(NotAuthentic, match=r"image\.json is not the record of an image"):
        publish(app, artifact=VERSION)


class Forgetful(FakeImages):
    """A registry that does not have what was pushed."""

    def find(self, repository: str, tag: str) -> None:
        return None


class Overtaken(FakeImages):
    """A registry whose tag somebody moved right after the push."""

    def find(self, repository: str, tag: str) -> ImageRef | None:
        stored = super().find(repository, tag)
        return stored and replace(stored, digest="sha256:" + "f" * 64)


def test_a_push_that_did_not_arrive_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match="the registry does not have it"):
        publish(run(tmp_path, Forgetful()), artifact=VERSION)


def test_a_tag_that_moved_after_the_push_is_not_believed(tmp_path: Path) -> None:
    app = run(tmp_path, Overtaken())
    with pytest.raises(NotAuthentic, match=r"was pushed as sha256:.* but the registry has sha256:ffff"):
        publish(app, artifact=VERSION)
    assert app.store.objects == {}


# -- several images of one release -------------------------------------------------------------------------------------


def built_several(root: Path, images: FakeImages) -> FakeApp:
    app = several_app(root, images)
    app.ci = FakeCi(run="1", workflow=WORKFLOW)
    build(app, artifact=VERSION)
    bundle(app, artifact=VERSION)
    return app


def test_one_manifest_names_every_image_by_digest_and_platform(tmp_path: Path) -> None:
    images = FakeImages()
    manifest = published(built_several(tmp_path, images))
    assert manifest.image is None
    assert {name: image.repository for name, image in manifest.images.items()} == {
        "api": "r.example/api",
        "worker": "r.example/worker",
    }
    for image in manifest.images.values():
        assert images.stored[image.repository, VERSION].digest == image.digest
        assert image.platforms == {"linux/amd64": image.digest}
    assert Manifest.from_json(manifest.to_json(), "here") == manifest


def test_the_attestations_are_about_every_image(tmp_path: Path) -> None:
    app = built_several(tmp_path, FakeImages())
    manifest = published(app)
    stored = app.store.get(PROVENANCE)
    assert stored
    subjects = Provenance.read(opened(stored.body, "")[0], "").subjects
    assert {image.repository: image.digest for image in manifest.images.values()}.items() <= subjects.items()


def test_publishing_several_again_changes_nothing(tmp_path: Path) -> None:
    images = FakeImages()
    app = built_several(tmp_path, images)
    first = published(app)
    assert published(app) == first
    assert len([call for call in images.calls if call.startswith("push")]) == 2


def test_a_tag_that_moves_names_what_was_published_last(tmp_path: Path) -> None:
    images = FakeImages()
    manifest = published(built_several(tmp_path, images))
    assert images.stored["r.example/api", "latest-dev"].digest == manifest.images["api"].digest
    assert ("r.example/worker", "latest-dev") not in images.stored


def test_an_image_for_another_platform_than_asked_for_is_not_signed(tmp_path: Path) -> None:
    images = FakeImages(platform="linux/arm64")
    app = built_several(tmp_path, images)
    with pytest.raises(NotAuthentic, match=f"r.example/api:{VERSION} is for linux/arm64, and not for linux/amd64"):
        publish(app, artifact=VERSION)
    assert app.store.get(f"hello/dev/{VERSION}/manifest.json") is None


def test_the_image_that_hosts_run_is_where_they_look_for_it(tmp_path: Path) -> None:
    images = FakeImages()
    chosen = environments(ec2={"runtime": "docker", "command": [], "container": {"image": "api"}})
    app = ci_app(tmp_path, environments=chosen, images={"api": {"repository": REPOSITORY}})
    app.given |= {"builder": images, "registry": images}
    app.ci = FakeCi(run="1", workflow=WORKFLOW)
    build(app, artifact=VERSION)
    bundle(app, artifact=VERSION)
    manifest = published(app)
    assert manifest.image == manifest.images["api"]
