"""Packages and static sets that are made of the same, or are the same bytes, as in the version that runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.attestation import opened
from tagship.domain.manifest import Manifest
from tagship.domain.provenance import Provenance
from tagship.engine.artifacts import verified_manifest
from tagship.errors import NotAuthentic, Refused, ServiceFailed
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import FakeApp
from tests.unit.ci import VERSION
from tests.unit.release.line import ReleaseLine

NEXT, THIRD = "0.1.1-dev", "0.1.2-dev"
INPUTS = {"inputs": ["src", "requirements.txt"]}
DECLARED = {"api": INPUTS, "site": {"inputs": ["pages"]}}


@dataclass
class Maker:
    """A packager: `copy` fills build/<name>, and what a build knows of itself goes in if it is given."""

    ran: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=lambda: {"node": "v22.1.0"})
    meanwhile: Callable[[], None] = lambda: None
    noise: str = ""

    def run(self, command: Sequence[str], directory: Path, variables: Mapping[str, str]) -> None:
        self.ran.append(command[1])
        self.meanwhile()
        source, to = directory / command[1], directory / "build" / command[2]
        to.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            (to / path.name).write_text(path.read_text() + self.noise)
        if command[-1] == "--stamp":
            (to / "version.txt").write_text(variables.get("VERSION", "none"))

    def answer(self, command: Sequence[str], directory: Path) -> str:
        return self.answers.get(command[0], "")


class Line(ReleaseLine):
    """Versions of a package and a static set."""

    def __init__(self, root: Path, parts: Mapping[str, Mapping[str, Any]] = DECLARED) -> None:
        files = {"src/app.py": "def handler(): ...\n", "requirements.txt": "x==1\n", "pages/index.html": "<p>1</p>"}
        super().__init__(root, files)
        self.parts, self.maker = parts, Maker()
        self.stamp: list[str] = []

    def app(self, version: str) -> FakeApp:
        dev = {"branch": "dev", "lambda": {"functions": {"hello-dev": {"package": "api"}}}}
        packages = {"api": {"directory": "build/api", "command": ["cp", "src", "api", *self.stamp]}}
        packages["api"] |= self.parts.get("api", {})  # type: ignore[arg-type]
        site: dict[str, Any] = {"directory": "build/site", "command": ["cp", "pages", "site"]}
        site |= {**self.parts.get("site", {}), "environments": {"dev": {"bucket": "hello-site-dev"}}}
        app = self.checkout(version, environments={"dev": dev}, packages=packages, static={"site": site})
        app.given["packager"] = self.maker
        return app

    def built(self, version: str) -> FakeApp:
        app = self.app(version)
        self.maker.ran.clear()
        return self.made(app, version)

    def ship(self, version: str) -> Manifest:
        app = self.built(version)
        manifest = self.published(app, version)
        assert verified_manifest(app, "dev", manifest.artifact_id).to_json() == manifest.to_json()  # type: ignore[arg-type]
        return manifest

    @property
    def wrote(self) -> dict[str, str]:
        """How each object of the parts came to the bucket."""
        assert self.last
        return {
            key.split("-dev/")[1]: verb
            for verb, key in self.last.store.writes
            if "/packages/" in key or "/static/" in key
        }


@pytest.fixture
def line(tmp_path: Path) -> Line:
    line = Line(tmp_path)
    line.ship(VERSION)
    return line


COPIED = {"packages/api.zip": "copy", "static/site.zip": "copy", "static/site.json": "copy"}


def test_parts_of_the_same_inputs_are_neither_built_nor_uploaded_and_it_is_said(line: Line) -> None:
    first = verified_manifest(line.last, "dev", VERSION)  # type: ignore[arg-type]
    second = line.ship(NEXT)
    assert line.maker.ran == []
    assert line.wrote == COPIED
    for about in ("package api", "static set site"):
        assert f"{about}: unchanged since {VERSION}, which runs: not built" in line.said
        assert f"{about}: unchanged since {VERSION}, which runs: its bytes are kept" in line.said
    assert second.packages["api"] == replace(
        first.packages["api"], key=f"hello/dev/{NEXT}/packages/api.zip", built_for=VERSION
    )
    assert second.static["site"].built_for == VERSION
    third = line.ship(THIRD)
    assert third.packages["api"].built_for == VERSION
    assert f"package api: unchanged since {NEXT}, which runs: not built" in line.said


def test_the_provenance_of_a_kept_part_names_it_as_taken_and_not_as_built(line: Line) -> None:
    manifest = line.ship(NEXT)
    assert line.last
    statement = line.last.store.objects[f"hello/dev/{NEXT}/provenance.json"].body
    provenance = Provenance.read(opened(statement, "it")[0], "it")
    assert not any("packages" in name or "static" in name for name in provenance.subjects)
    package = manifest.packages["api"]
    assert provenance.taken[f"artifact:hello/dev/{VERSION}/packages/api.zip"] == f"sha256:{package.sha256}"
    assert set(provenance.taken) == {f"artifact:hello/dev/{VERSION}/{name}" for name in COPIED}


CHANGES: dict[str, Callable[[Line], Any]] = {
    "a file": lambda line: line.files.update({"src/app.py": "def handler(): return 2\n"}),
    "a new file": lambda line: line.files.update({"src/more.py": ""}),
    "a file of its own": lambda line: line.files.update({"requirements.txt": "x==2\n"}),
    "the command": lambda line: line.stamp.append("--verbose"),
    "a tool": lambda line: line.maker.answers.update(node="v24.0.0"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_part_of_other_inputs_is_built_and_the_others_are_kept(tmp_path: Path, change: str) -> None:
    line = Line(tmp_path, {**DECLARED, "api": {**INPUTS, "tools": [["node", "--version"]]}})
    line.ship(VERSION)
    CHANGES[change](line)
    manifest = line.ship(NEXT)
    assert line.maker.ran == ["src"]
    assert f"package api is new: it is made of other inputs than that of {VERSION}, which runs" in line.said
    assert manifest.packages["api"].built_for == ""
    assert manifest.static["site"].built_for == VERSION


def test_a_header_of_a_set_is_one_of_its_inputs(line: Line) -> None:
    line.parts = {**DECLARED, "site": {**DECLARED["site"], "headers": [{"match": "*", "cache_control": "no-cache"}]}}
    assert line.ship(NEXT).static["site"].built_for == ""
    assert line.maker.ran == ["pages"]


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"inputs": ["nowhere"]}, "its inputs can't be read (No such file or directory: "),
        ({**INPUTS, "tools": [["silent", "-v"]]}, "`silent -v` does not say its version"),
    ],
)
def test_inputs_that_are_not_known_are_no_reason_to_keep(tmp_path: Path, parts: dict[str, Any], why: str) -> None:
    line = Line(tmp_path, {"api": parts})
    line.ship(VERSION)
    assert line.ship(NEXT).packages["api"].inputs == ""
    assert sorted(line.maker.ran) == ["pages", "src"]
    assert any(row.startswith(f"package api is new: {why}") for row in line.said)


def test_without_inputs_the_command_runs_and_the_same_bytes_are_not_uploaded_again(tmp_path: Path) -> None:
    line = Line(tmp_path, {})
    first = line.ship(VERSION)
    second = line.ship(NEXT)
    assert sorted(line.maker.ran) == ["pages", "src"]
    assert line.wrote == COPIED
    for about in ("package api", "static set site"):
        assert f"{about}: unchanged since {VERSION}, which runs: not uploaded again" in line.said
    assert (second.packages["api"].sha256, second.packages["api"].built_for) == (first.packages["api"].sha256, "")
    line.files["pages/index.html"] = "<p>2</p>"
    line.ship(THIRD)
    assert line.wrote == {**COPIED, "static/site.zip": "create", "static/site.json": "create"}
    assert f"static set site is new: it has other bytes than that of {NEXT}, which runs" in line.said


def test_a_command_with_inputs_is_told_no_version_and_one_without_is(tmp_path: Path) -> None:
    line = Line(tmp_path, {})
    line.stamp.append("--stamp")
    app = line.built(VERSION)
    assert (app.root / "build/api/version.txt").read_text() == VERSION
    line.parts = DECLARED
    app = line.built(NEXT)
    assert (app.root / "build/api/version.txt").read_text() == "none"


def test_a_job_without_credentials_builds_and_publish_keeps_what_runs_also_if_the_bytes_differ(line: Line) -> None:
    first = verified_manifest(line.last, "dev", VERSION)  # type: ignore[arg-type]
    line.signed_in, line.maker.noise = False, "# built at another time"
    app = line.built(NEXT)
    assert sorted(line.maker.ran) == ["pages", "src"]
    assert "package api is new: what runs on dev is not asked without AWS credentials" in app.screen.lines
    app.signed_in = True
    second = line.published(app, NEXT)
    warning = "package api was built of the same inputs, with other bytes: name all that its command reads"
    assert any(row.startswith(warning) for row in app.screen.warnings)
    assert (second.packages["api"].sha256, second.packages["api"].built_for) == (first.packages["api"].sha256, VERSION)
    assert second.static["site"].files_sha256 == first.static["site"].files_sha256
    assert line.wrote == COPIED


def test_one_that_goes_between_build_and_publish_is_refused_with_the_way_to_build_it(line: Line) -> None:
    app = line.built(NEXT)
    del app.store.objects[f"hello/dev/{VERSION}/packages/api.zip"]
    with pytest.raises(
        Refused, match=r"package api was not built, because .*: hello/dev/0.1.0-dev/packages/api\.zip is gone\."
    ) as problem:
        publish(app, artifact=NEXT)
    assert problem.value.remedy == f"Build it: inv build --version {NEXT} --env dev"
    assert f"hello/dev/{NEXT}/manifest.json" not in app.store.objects
    build(app, artifact=NEXT)
    bundle(app, artifact=NEXT)
    manifest = publish(app, artifact=NEXT)
    assert manifest
    assert manifest.packages["api"].built_for == ""


def test_a_stored_part_that_was_altered_is_built_again(line: Line) -> None:
    assert line.last
    key = f"hello/dev/{VERSION}/packages/api.zip"
    line.last.store.objects[key] = replace(line.last.store.objects[key], sha256="0" * 64)
    assert line.ship(NEXT).packages["api"].built_for == ""
    assert line.maker.ran == ["src"]


def test_a_copy_that_the_bucket_refuses_is_uploaded_from_what_runs(line: Line) -> None:
    def refuse(verb: str, _key: str) -> None:
        if verb == "copy":
            raise ServiceFailed("NotImplemented: a header is not implemented.", remedy="")

    app = line.built(NEXT)
    app.store.before = refuse
    assert line.published(app, NEXT).packages["api"].built_for == VERSION
    assert set(line.wrote.values()) == {"create"}
    assert any("S3 does not copy" in row for row in app.screen.warnings)


def test_publishing_again_changes_nothing_whatever_this_machine_built(line: Line) -> None:
    line.ship(NEXT)
    line.maker.noise, line.signed_in = "# again", False
    app = line.built(NEXT)
    app.signed_in = True
    app.store.writes.clear()
    publish(app, artifact=NEXT)
    assert app.store.writes == []
    assert any("is published already with the same bytes" in row for row in app.screen.lines)


def test_a_set_that_was_altered_after_the_build_is_not_published(line: Line) -> None:
    line.files["pages/index.html"] = "<p>2</p>"
    app = line.built(NEXT)
    file = app.root / ".tagship/build" / NEXT / "static/site.zip"
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(NotAuthentic, match=r"static set site of 0\.1\.1-dev is not the one that was built"):
        publish(app, artifact=NEXT)


def test_parts_are_built_at_the_same_time_and_one_command_runs_once(tmp_path: Path) -> None:
    line = Line(tmp_path, {})
    both = threading.Barrier(2, timeout=20)
    line.maker.meanwhile = lambda: (both.wait(), None)[1]
    line.built(VERSION)  # each waits for the other
    line = Line(tmp_path / "one", {"site": {"directory": "build/api", "command": ["cp", "src", "api"]}})
    line.ship(VERSION)
    assert line.maker.ran == ["src"]


def test_the_bundle_is_stored_with_each_version_and_its_line_says_what_differs(line: Line) -> None:
    line.ship(NEXT)
    assert (
        f"bundle: unchanged since {VERSION}, which runs, but for VERSION: it is stored, as it names the version"
        in line.said
    )
    assert line.last
    line.last.ledger.entries.clear()
    line.ship(THIRD)
    assert "bundle is new: dev runs nothing that tagship deployed" in line.said
