"""Provenance of every artifact: the manifest names it, and an environment may require it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.attestation import opened, sealed, to_sign
from tagship.domain.manifest import Manifest, sha256
from tagship.domain.provenance import Provenance
from tagship.engine.artifacts import altered, verified_manifest
from tagship.errors import NotAuthentic, Refused
from tagship.settings.environment import Environment
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import VALUES, FakeApp, environments
from tests.fakes.ci import FakeCi
from tests.fakes.signing import WordSigner
from tests.unit.ci import COMMIT, VERSION, ci_app

WORKFLOW = "acme/hello/.github/workflows/deploy-dev.yml@refs/tags/0.1.0-dev"
PLACE = f"hello/dev/{VERSION}"
PROVENANCE, BUNDLE, MANIFEST, SIGNATURE = (
    f"{PLACE}/{name}" for name in (layout.PROVENANCE, layout.BUNDLE, layout.MANIFEST, layout.SIGNATURE)
)


def requiring(root: Path, workflow: str = WORKFLOW, *, required: bool = True, **changes: Any) -> FakeApp:
    """An environment that requires provenance, and a build that CI can publish."""
    app = ci_app(root, environments=environments(require_attestation=required, **changes))
    app.ci = FakeCi(tag=VERSION, workflow=workflow)
    bundle(app, artifact=VERSION)
    return app


def published(root: Path, *args: Any, **changes: Any) -> FakeApp:
    app = requiring(root, *args, **changes)
    publish(app, artifact=VERSION)
    return app


def write_over(app: FakeApp, key: str, body: bytes) -> None:
    app.store.objects[key] = replace(app.store.objects[key], body=body)


def sign_again(app: FakeApp, **changes: str) -> None:
    """Whoever has the release key signs another manifest in its place."""
    raw = replace(Manifest.from_json(app.store.objects[MANIFEST].body, ""), **changes).to_json()
    write_over(app, MANIFEST, raw)
    write_over(app, SIGNATURE, app.signer.sign(raw))


def provenance_in_its_place(app: FakeApp, **changes: Any) -> None:
    """Another statement, signed and named by a manifest that is signed again."""
    statement = opened(app.store.objects[PROVENANCE].body, "")[0]
    raw = replace(Provenance.read(statement, ""), **changes).statement()
    write_over(app, PROVENANCE, sealed(raw, app.signer.sign(to_sign(raw)), app.keys("dev").id))
    sign_again(app, provenance_sha256=sha256(app.store.objects[PROVENANCE].body))


def test_the_provenance_of_a_bundle_without_an_image_names_it_and_the_manifest_names_the_provenance(
    tmp_path: Path,
) -> None:
    app = published(tmp_path)
    manifest = verified_manifest(app, "dev", VERSION)
    assert manifest.provenance_sha256 == sha256(app.store.objects[PROVENANCE].body)
    said = json.loads(opened(app.store.objects[PROVENANCE].body, "")[0])
    assert said["subject"] == [{"name": BUNDLE, "digest": {"sha256": manifest.bundle.sha256}}]
    assert said["predicate"]["runDetails"]["builder"]["id"] == WORKFLOW
    assert said["predicate"]["runDetails"]["metadata"]["startedOn"] == manifest.build_time
    assert said["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"] == {"gitCommit": COMMIT}


def test_unsigned_artifacts_have_none(tmp_path: Path) -> None:
    app = ci_app(tmp_path, environments=environments(allow_unsigned=True), signing=None)
    app.ci = FakeCi(tag=VERSION)
    bundle(app, artifact=VERSION)
    manifest = publish(app, artifact=VERSION)
    assert manifest is not None
    assert manifest.provenance_sha256 == ""
    assert PROVENANCE not in app.store.objects
    assert b"provenance" not in manifest.to_json()


@pytest.mark.parametrize("required", [True, False])
def test_provenance_that_is_gone_or_another_counts_where_it_is_required(required: bool, tmp_path: Path) -> None:
    app = published(tmp_path, required=required)
    original = app.store.objects[PROVENANCE].body
    for body in (original + b" ", None):
        if body is None:
            del app.store.objects[PROVENANCE]
        else:
            write_over(app, PROVENANCE, body)
        assert altered(app, "dev", VERSION) == required
        if required:
            with pytest.raises(NotAuthentic, match=r"is missing; the manifest|is not the one that the manifest"):
                verified_manifest(app, "dev", VERSION)
        with pytest.raises(NotAuthentic, match=r"is missing; the manifest|is not the one that the manifest"):
            publish(app, artifact=VERSION)


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": "bada55" + "0" * 34},
        {"place": f"hello/prod/{VERSION}"},
        {"subjects": {BUNDLE: "sha256:" + "a" * 64}},
        {"subjects": {}},
    ],
    ids=["commit", "environment", "bundle", "nothing"],
)
def test_provenance_of_something_else_is_refused_though_the_manifest_names_it(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    app = published(tmp_path)
    provenance_in_its_place(app, **changes)
    with pytest.raises(NotAuthentic, match="is the provenance of another manifest"):
        verified_manifest(app, "dev", VERSION)


@pytest.mark.parametrize(
    ("workflow", "words"),
    [
        ("", "was published by no workflow, and dev requires deploy-dev.yml"),
        (
            WORKFLOW.replace("deploy-dev", "ci"),
            r"was published by acme/hello/.*/ci.yml, and dev requires deploy-dev.yml",
        ),
    ],
    ids=["by hand", "another file"],
)
def test_an_artifact_of_no_or_another_workflow_is_refused_where_it_is_required(
    workflow: str, words: str, tmp_path: Path
) -> None:
    app = requiring(tmp_path, workflow)
    with pytest.raises(NotAuthentic, match=words):
        publish(app, artifact=VERSION)
    allowing = published(tmp_path / "allowing", workflow, required=False)
    assert verified_manifest(allowing, "dev", VERSION).provenance_sha256


def test_the_repository_counts_if_the_settings_name_it(tmp_path: Path) -> None:
    app = published(tmp_path)
    app.settings = app.settings.model_copy(
        update={"ci": app.settings.ci.model_copy(update={"repository": "acme/another"})}
    )
    with pytest.raises(NotAuthentic, match=r"dev requires acme/another/deploy-dev\.yml"):
        verified_manifest(app, "dev", VERSION)


def test_an_artifact_from_before_provenance_is_refused_where_it_is_required(tmp_path: Path) -> None:
    app = published(tmp_path)
    sign_again(app, provenance_sha256="")
    with pytest.raises(NotAuthentic, match="has no provenance, and dev requires it"):
        verified_manifest(app, "dev", VERSION)


def test_provenance_outlives_the_key_that_signed_it(tmp_path: Path) -> None:
    """The manifest names it, and may be signed again by today's key."""
    app = published(tmp_path)
    old = app.signer
    app.signer = app.verifier = WordSigner("new")
    raw = app.store.objects[MANIFEST].body
    app.store.create(f"{PLACE}/{layout.signature_by(app.keys('dev').id)}", app.signer.sign(raw))
    assert old.word != app.signer.word
    assert verified_manifest(app, "dev", VERSION).provenance_sha256


def test_provenance_of_another_build_under_the_same_id_is_left_and_refused(tmp_path: Path) -> None:
    """A publisher that died before it had stored a bundle."""
    app = requiring(tmp_path)
    facts = (COMMIT, PLACE, WORKFLOW, "", "2026-11-20T12:00:00Z")
    raw = Provenance({BUNDLE: "sha256:" + "a" * 64}, *facts).statement()
    app.store.create(PROVENANCE, sealed(raw, app.signer.sign(to_sign(raw)), app.keys("dev").id))
    before = app.store.objects[PROVENANCE]
    with pytest.raises(Refused, match="exists already, and describes another build"):
        publish(app, artifact=VERSION)
    assert app.store.objects[PROVENANCE] == before
    assert MANIFEST not in app.store.objects


def test_both_settings_at_once_contradict_each_other() -> None:
    dev = {**VALUES["environments"]["dev"], "require_attestation": True, "allow_unsigned": True}
    problems = list(Environment.problems(dev))
    assert ("require_attestation", "is nothing for artifacts that nobody signed: remove allow_unsigned") in problems
