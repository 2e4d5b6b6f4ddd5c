"""The SBOM of a version: CycloneDX as its schema has it, the same bytes for the same artifact, signed and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tagship import __version__
from tagship.domain import layout
from tagship.domain.attestation import opened, to_sign
from tagship.domain.manifest import sha256
from tagship.engine.artifacts import verified_manifest
from tagship.errors import ArtifactMissing, NotAuthentic
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tagship.verbs.sbom import sbom
from tests.fakes.app import FakeApp
from tests.fakes.images import FakeImages
from tests.unit.ci import COMMIT, TREE, VERSION, ci_app
from tests.unit.domain.test_packages import PINNED, UV, A
from tests.unit.release.test_images import REPOSITORY, run
from tests.unit.verbs.test_packages import functions

KEY = f"hello/dev/{VERSION}/{layout.SBOM}"
LOCKED = {**TREE, "uv.lock": UV.encode(), "web/package-lock.json": b"{"}


def published(root: Path, tree: dict[str, bytes] | None = None) -> FakeApp:
    app = ci_app(root, tree=tree or LOCKED)
    bundle(app, artifact=VERSION)
    publish(app, artifact=VERSION)
    return app


def parts(bill: Any, kind: str) -> dict[str, Any]:
    return {part["name"]: part for part in bill["components"] if part["type"] == kind}


def properties(part: Any) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in part["properties"]}


def test_it_names_every_file_every_locked_package_and_what_made_it(tmp_path: Path) -> None:
    app = published(tmp_path)
    manifest, bill = verified_manifest(app, "dev", VERSION), sbom(app, artifact=VERSION).content
    whole = bill["metadata"]["component"]
    assert (whole["name"], whole["version"]) == ("hello", VERSION)
    assert whole["hashes"] == [{"alg": "SHA-256", "content": manifest.bundle.sha256}]
    assert {part["name"]: part["hashes"][0]["content"] for part in whole["components"]} == manifest.files
    [idna] = parts(bill, "library").values()
    assert (idna["purl"], idna["version"]) == ("pkg:pypi/idna@3.10", "3.10")
    assert {"alg": "SHA-256", "content": A} in idna["hashes"]
    assert properties(idna) == {"tagship:lock": "uv.lock"}
    [tool] = bill["metadata"]["tools"]["components"]
    assert (tool["name"], tool["version"]) == ("tagship", __version__)
    assert datetime.fromisoformat(bill["metadata"]["timestamp"]) == datetime.fromisoformat(manifest.build_time)
    assert properties(bill["metadata"])["tagship:commit"] == COMMIT


def test_a_lock_file_that_cannot_be_read_is_named_and_stops_nothing(tmp_path: Path) -> None:
    app = published(tmp_path)
    assert properties(sbom(app, artifact=VERSION).content["metadata"])["tagship:unread"] == "web/package-lock.json"
    assert "web/package-lock.json can't be read" in app.screen.text


def test_it_names_the_image_and_what_that_is_built_on(tmp_path: Path) -> None:
    app = run(tmp_path, FakeImages())
    record = app.root / f".tagship/build/{VERSION}/image.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "base": PINNED}))
    manifest = publish(app, artifact=VERSION)
    assert manifest is not None
    assert manifest.image is not None
    images = parts(sbom(app, artifact=VERSION).content, "container")
    assert images[REPOSITORY]["version"] == manifest.image.digest
    assert properties(images[REPOSITORY]) == {"tagship:role": "image"}
    assert images["python:3.12"]["version"] == f"sha256:{A}"
    assert properties(images["python:3.12"]) == {"tagship:role": "base image"}


def test_its_schema_takes_it(tmp_path: Path) -> None:
    text = sbom(published(tmp_path), artifact=VERSION).text
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace("SHA-256", "SHA-1x")) is not None


def test_the_same_artifact_has_the_same_bytes(tmp_path: Path) -> None:
    one, other = (published(tmp_path / name).store.objects[KEY].body for name in ("one", "other"))
    assert one != b""
    assert opened(one, "")[0] == opened(other, "")[0]


def test_it_is_signed_and_the_manifest_names_it(tmp_path: Path) -> None:
    app = published(tmp_path)
    statement, signature, key = opened(app.store.objects[KEY].body, KEY)
    app.verifier.verify(to_sign(statement), signature, KEY, key)
    said = json.loads(statement)
    manifest = verified_manifest(app, "dev", VERSION)
    assert said["predicateType"] == "https://cyclonedx.org/bom"
    assert said["subject"] == [{"name": manifest.bundle.key, "digest": {"sha256": manifest.bundle.sha256}}]
    assert manifest.sbom_sha256 == sha256(app.store.objects[KEY].body)


def test_one_that_is_gone_or_another_is_refused(tmp_path: Path) -> None:
    app, other = published(tmp_path / "one"), published(tmp_path / "other", TREE)
    app.store.objects[KEY] = replace(app.store.objects[KEY], body=other.store.objects[KEY].body)
    for act in (sbom, publish):
        with pytest.raises(NotAuthentic, match="is not the one that the manifest"):
            act(app, artifact=VERSION)  # type: ignore[operator]
    del app.store.objects[KEY]
    with pytest.raises(NotAuthentic, match="is missing"):
        sbom(app, artifact=VERSION)


def test_it_is_written_to_a_file(tmp_path: Path) -> None:
    app = published(tmp_path)
    printed, file = sbom(app, artifact=VERSION), tmp_path / "sbom.json"
    written = sbom(app, artifact=VERSION, output=str(file))
    assert (written.text, file.read_text()) == ("", printed.text + "\n")
    assert f"{file}: 1 component beside the bundle's files" in app.screen.lines


def test_a_version_without_one_is_said(tmp_path: Path) -> None:
    app = FakeApp()
    app.publish(VERSION)
    with pytest.raises(ArtifactMissing, match=r"0\.1\.0-dev has no SBOM") as caught:
        sbom(app, artifact=VERSION)
    assert caught.value.remedy == "Ship a new version, which will have one: inv deploy-dev"


def test_packages_are_parts_of_it_and_subjects_of_both_attestations(tmp_path: Path) -> None:
    app = functions(tmp_path)
    build(app, artifact=VERSION)
    bundle(app, artifact=VERSION)
    manifest = publish(app, artifact=VERSION)
    assert manifest is not None
    api = manifest.packages["api"]
    whole = sbom(app, artifact=VERSION).content["metadata"]["component"]
    assert {"alg": "SHA-256", "content": api.sha256} in [part["hashes"][0] for part in whole["components"]]
    for name in (layout.SBOM, layout.PROVENANCE):
        said = json.loads(opened(app.store.objects[f"hello/dev/{VERSION}/{name}"].body, "")[0])
        assert {"name": api.key, "digest": {"sha256": api.sha256}} in said["subject"]
