"""Packages: built the same on any machine, stored once, and named in the signed manifest."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.manifest import Manifest, sha256
from tagship.engine.artifacts import verified_manifest
from tagship.errors import ArtifactMissing, NotAuthentic, Refused
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import FakeApp
from tests.fakes.ci import FakeCi
from tests.unit.ci import COMMIT, VERSION, ci_app

KEY = layout.artifact("hello", "dev", VERSION, layout.package("api"))
MANIFEST = layout.artifact("hello", "dev", VERSION, layout.MANIFEST)


@dataclass
class Commands:
    """A packager that notes what it is asked to run, and acts by `does`."""

    ran: list[tuple[list[str], Path, dict[str, str]]] = field(default_factory=list)

    def run(self, command: Sequence[str], directory: Path, variables: Mapping[str, str]) -> None:
        self.ran.append((list(command), directory, dict(variables)))


def functions(root: Path, command: Sequence[str] = (), **changes: Any) -> FakeApp:
    """An app whose dev runs one function, and a folder for its package."""
    dev = {"branch": "dev", "lambda": {"functions": {"hello-dev": {"package": "api"}}}}
    packages = {"api": {"directory": "dist", "command": list(command)}}
    app = ci_app(root, environments={"dev": dev}, packages=packages, **changes)
    app.ci = FakeCi(tag=VERSION, run="4711")
    app.given["packager"] = Commands()
    (root / "dist/lib").mkdir(parents=True, exist_ok=True)
    (root / "dist/lib/deep.py").write_text("x = 1\n")
    (root / "dist/app.py").write_text("def handler(event, context): ...\n")
    (root / "dist/run.sh").write_text("#!/bin/sh\n")
    (root / "dist/run.sh").chmod(0o755)
    return app


def built(root: Path) -> FakeApp:
    app = functions(root)
    build(app, artifact=VERSION)
    bundle(app, artifact=VERSION)
    return app


def file(root: Path) -> Path:
    return root / ".tagship/build" / VERSION / layout.package("api")


# -- building ----------------------------------------------------------------------------------------------------------


def test_a_package_has_the_files_of_its_directory_and_nothing_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "dist/__pycache__").mkdir(parents=True)
    (tmp_path / "dist/__pycache__/app.pyc").write_bytes(b"of this Python")
    build(functions(tmp_path), artifact=VERSION)
    with zipfile.ZipFile(file(tmp_path)) as archive:
        entries = archive.infolist()
        assert [entry.filename for entry in entries] == ["app.py", "lib/deep.py", "run.sh"]
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert [oct(entry.external_attr >> 16) for entry in entries] == ["0o100644", "0o100644", "0o100755"]
        assert archive.read("lib/deep.py") == b"x = 1\n"


def test_it_is_the_same_bytes_under_another_umask_and_on_another_day(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    build(functions(one), artifact=VERSION)
    before = os.umask(0o077)
    try:
        app = functions(two)
        for path in (two / "dist").rglob("*.py"):
            os.utime(path, (0, 0))
            path.chmod(0o600)
        build(app, artifact=VERSION)
    finally:
        os.umask(before)
    assert file(one).read_bytes() == file(two).read_bytes()
    records = [(root / ".tagship/build" / VERSION / "packages.json").read_bytes() for root in (one, two)]
    assert records[0] == records[1]


def test_the_command_runs_first_in_the_repositorys_top_and_knows_the_version(tmp_path: Path) -> None:
    app = functions(tmp_path, ["sh", "package.sh"])
    build(app, artifact=VERSION)
    assert app.given["packager"].ran == [(["sh", "package.sh"], tmp_path, {"VERSION": VERSION, "COMMIT_SHA": COMMIT})]


def test_a_dry_run_says_what_it_would_build_and_builds_nothing(tmp_path: Path) -> None:
    app = functions(tmp_path, ["sh", "package.sh"])
    build(app, artifact=VERSION, dry_run=True)
    assert app.screen.lines[0] == f"build 1 package of {COMMIT[:8]}: api"
    assert not app.given["packager"].ran
    assert not file(tmp_path).exists()


def test_a_directory_without_files_and_one_with_a_link_are_refused(tmp_path: Path) -> None:
    app = functions(tmp_path)
    (tmp_path / "dist/link.py").symlink_to("app.py")
    with pytest.raises(Refused, match=r"link\.py is not a regular file"):
        build(app, artifact=VERSION)
    for path in (tmp_path / "dist").rglob("*.*"):
        path.unlink()
    with pytest.raises(Refused, match="has no files for the package api"):
        build(app, artifact=VERSION)


def test_more_than_lambda_takes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagship.release.packages.LARGEST", 10)
    with pytest.raises(Refused, match="Lambda takes at most 10"):
        build(functions(tmp_path), artifact=VERSION)


def test_a_bundle_without_files_of_the_commit_says_what_it_has(tmp_path: Path) -> None:
    app = functions(tmp_path, bundle={"include": []}, tree={"README.md": b"nothing of it"})
    bundle(app, artifact=VERSION, dry_run=True)
    assert app.screen.lines[0] == f"bundle {VERSION}: the configuration of its environments alone"


# -- publishing --------------------------------------------------------------------------------------------------------


def test_the_manifest_names_the_package_and_is_signed_with_it(tmp_path: Path) -> None:
    app = built(tmp_path)
    manifest = publish(app, artifact=VERSION)
    assert manifest
    raw = file(tmp_path).read_bytes()
    stored = app.store.get(KEY)
    assert stored
    assert stored.body == raw
    assert manifest.packages["api"].sha256 == sha256(raw)
    assert (manifest.packages["api"].key, manifest.packages["api"].size) == (KEY, len(raw))
    assert Manifest.from_json(manifest.to_json(), "here") == manifest
    assert verified_manifest(app, "dev", manifest.artifact_id) == manifest  # type: ignore[arg-type]


def test_publishing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    app = built(tmp_path)
    publish(app, artifact=VERSION)
    writes = list(app.store.writes)
    publish(app, artifact=VERSION)
    assert app.store.writes == writes


def test_another_package_under_the_same_number_is_refused(tmp_path: Path) -> None:
    app = built(tmp_path)
    publish(app, artifact=VERSION)
    (tmp_path / "dist/app.py").write_text("other\n")
    build(app, artifact=VERSION)
    with pytest.raises(Refused, match="its package api has other bytes there"):
        publish(app, artifact=VERSION)


def test_a_publish_that_died_goes_on_from_its_package_or_is_refused_another(tmp_path: Path) -> None:
    app = built(tmp_path)
    app.store.create(KEY, file(tmp_path).read_bytes())
    assert publish(app, artifact=VERSION)
    other = built(tmp_path / "other")
    other.store.create(KEY, b"other bytes")
    with pytest.raises(Refused, match="its package api has other bytes there"):
        publish(other, artifact=VERSION)


def test_a_file_that_was_altered_after_the_build_is_not_published(tmp_path: Path) -> None:
    app = built(tmp_path)
    file(tmp_path).write_bytes(b"altered")
    with pytest.raises(NotAuthentic, match=r"api\.zip has sha256"):
        publish(app, artifact=VERSION)


def test_without_a_build_the_command_is_named(tmp_path: Path) -> None:
    app = functions(tmp_path)
    bundle(app, artifact=VERSION)
    with pytest.raises(Refused, match=r"packages\.json of 0\.1\.0-dev is not built"):
        publish(app, artifact=VERSION)


def test_a_package_that_is_gone_or_altered_in_the_bucket_is_noticed_before_anything_is_changed(tmp_path: Path) -> None:
    app = built(tmp_path)
    manifest = publish(app, artifact=VERSION)
    assert manifest
    whole = app.store.objects.pop(KEY)
    with pytest.raises(ArtifactMissing, match=r"The package api of 0\.1\.0-dev is gone"):
        verified_manifest(app, "dev", manifest.artifact_id)  # type: ignore[arg-type]
    app.store.create(KEY, whole.body + b"more")
    with pytest.raises(NotAuthentic, match="is not the package that its manifest names"):
        verified_manifest(app, "dev", manifest.artifact_id)  # type: ignore[arg-type]


def test_an_artifact_without_packages_has_the_manifest_that_it_always_had(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    bundle(app, artifact=VERSION)
    publish(app, artifact=VERSION)
    stored = app.store.get(MANIFEST)
    assert stored
    assert b"packages" not in stored.body
