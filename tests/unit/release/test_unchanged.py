"""An image whose inputs are those of what runs is neither built nor pushed: only if the registry has it yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tagship.domain.image import ImageStatus
from tagship.domain.manifest import ImageRef, Manifest
from tagship.errors import NotAuthentic, Refused
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import FakeApp, environments
from tests.fakes.images import FakeImages
from tests.unit.ci import COMMIT, VERSION
from tests.unit.release.line import ReleaseLine

REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"
DOCKERFILE = f"FROM python@sha256:{'a' * 64}\nARG BUILD_TIME\nCOPY . /app\n"
NEXT, THIRD = "0.1.1-dev", "0.1.2-dev"


class Line(ReleaseLine):
    """Versions of one image."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, {"Dockerfile": DOCKERFILE, "app.py": "print(1)\n", "lib/x.py": "x = 1\n"})
        self.images = FakeImages()

    def app(self, version: str, *, image: dict[str, object] | None = None) -> FakeApp:
        chosen = {"repository": REPOSITORY, **(image or {})}
        values = environments(ec2={"runtime": "docker", "command": []}, image=chosen)
        app = self.checkout(version, environments=values)
        app.given |= {"builder": self.images, "registry": self.images}
        return app

    def built(self, version: str, **changes: object) -> FakeApp:
        app = self.app(version, image=changes or None)
        self.images.calls.clear()
        return self.made(app, version)

    def ship(self, version: str, **changes: object) -> Manifest:
        return self.published(self.built(version, **changes), version)

    @property
    def did(self) -> set[str]:
        return {call.split()[0] for call in self.images.calls}


@pytest.fixture
def line(tmp_path: Path) -> Line:
    line = Line(tmp_path)
    line.ship(VERSION)
    return line


def image(manifest: Manifest) -> ImageRef:
    assert manifest.image
    return manifest.image


def test_what_has_not_changed_is_neither_built_nor_pushed_and_has_the_new_tag_too(line: Line) -> None:
    first = line.images.stored[REPOSITORY, VERSION]
    second = image(line.ship(NEXT))
    assert line.did == {"login", "tag"}
    assert (second.digest, second.tag, second.built_for) == (first.digest, NEXT, VERSION)
    assert line.images.stored[REPOSITORY, NEXT].digest == first.digest
    assert f"the image: unchanged since {VERSION}, which runs: {REPOSITORY}@{first.digest} is kept" in line.text
    third = image(line.ship(THIRD))
    assert (third.digest, third.tag, third.built_for) == (first.digest, THIRD, VERSION)


def test_its_provenance_says_that_it_was_taken_and_not_that_it_was_built(line: Line) -> None:
    manifest = line.ship(NEXT)
    assert line.last
    statement = line.last.store.objects[f"hello/dev/{NEXT}/provenance.json"].body
    from tagship.domain.attestation import opened
    from tagship.domain.provenance import Provenance

    provenance = Provenance.read(opened(statement, "it")[0], "it")
    assert REPOSITORY not in provenance.subjects
    assert provenance.taken == {REPOSITORY: image(manifest).digest}


CHANGES: dict[str, Callable[[Line], dict[str, object]]] = {
    "a file": lambda line: line.files.update({"app.py": "print(2)\n"}) or {},  # type: ignore[func-returns-value]
    "a new file": lambda line: line.files.update({"lib/y.py": ""}) or {},  # type: ignore[func-returns-value]
    "a Dockerfile": lambda line: line.files.update({"Dockerfile": DOCKERFILE + "USER 1\n"}) or {},  # type: ignore[func-returns-value]
    "an argument": lambda _: {"arguments": {"FLAVOUR": "slim"}},
    "a stage": lambda _: {"target": "app"},
    "a platform": lambda _: {"platform": "linux/amd64"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_made_of_something_else_is_built(line: Line, change: str) -> None:
    first = line.images.stored[REPOSITORY, VERSION]
    second = image(line.ship(NEXT, **CHANGES[change](line)))
    assert {"build", "push"} <= line.did
    assert second.digest != first.digest
    assert second.built_for == ""
    assert f"{REPOSITORY}:{NEXT} is new: it is made of other files or arguments than that of {VERSION}" in line.text


def test_what_is_left_out_of_the_context_does_not_count(line: Line) -> None:
    line.files[".dockerignore"] = "docs\n*.md\n"
    line.ship(NEXT)
    line.files |= {"docs/a.txt": "new", "README.md": "new", ".git/HEAD": "new"}
    line.ship(THIRD)
    assert "build" not in line.did


@pytest.mark.parametrize(
    ("line_of", "why"),
    [
        ("FROM python:3.12\n", "built on python:3.12, which may have moved"),
        (f"{DOCKERFILE}ARG VERSION\n", "declares VERSION"),
    ],
)
def test_what_the_same_files_may_make_anew_is_built_each_time(tmp_path: Path, line_of: str, why: str) -> None:
    line = Line(tmp_path)
    line.files["Dockerfile"] = line_of
    assert image(line.ship(VERSION)).inputs == ""
    line.ship(NEXT)
    assert {"build", "push"} <= line.did
    assert why in line.text


@pytest.mark.parametrize("state", ["missing", "archived", "activating"])
def test_a_digest_that_cannot_be_pulled_any_more_is_built_again(line: Line, state: str) -> None:
    first = line.images.stored[REPOSITORY, VERSION]
    line.images.states[first.digest] = ImageStatus(state, restore="aws …")
    line.ship(NEXT)
    assert {"build", "push"} <= line.did
    assert f"is made of the same as that of {VERSION}, which runs, but" in line.text


def test_one_that_goes_between_build_and_publish_is_refused_with_the_way_to_build_it(line: Line) -> None:
    app = line.built(NEXT)
    assert line.did == {"login"}
    first = line.images.stored[REPOSITORY, VERSION]
    line.images.states[first.digest] = ImageStatus("missing")
    with pytest.raises(
        Refused, match=r"was not built, because one of the same inputs existed; since then: .* no longer has it"
    ) as problem:
        publish(app, artifact=NEXT)
    assert problem.value.remedy == f"Build it: inv build --version {NEXT} --env dev"
    build(app, artifact=NEXT)
    bundle(app, artifact=NEXT)
    assert image(publish(app, artifact=NEXT)).digest != first.digest  # type: ignore[arg-type]


def test_a_job_without_credentials_builds_and_publish_keeps_what_is_the_same(line: Line) -> None:
    first = line.images.stored[REPOSITORY, VERSION]
    line.signed_in = False
    app = line.built(NEXT)
    assert line.did == {"build"}
    assert "what runs on dev is not asked without AWS credentials" in "\n".join(app.screen.lines)
    app.signed_in = True
    kept = image(publish(app, artifact=NEXT))  # type: ignore[arg-type]
    assert "push" not in line.did
    assert (kept.digest, kept.built_for) == (first.digest, VERSION)


def test_what_runs_is_believed_by_its_signature_alone(line: Line) -> None:
    assert line.last
    key = f"hello/dev/{VERSION}/manifest.json"
    stored = line.last.store.objects[key]
    line.last.store.objects[key] = type(stored)(
        **{**vars(stored), "body": stored.body.replace(b'"inputs"', b'"inputs" ')}
    )
    line.ship(NEXT)
    assert {"build", "push"} <= line.did
    assert "what runs on dev is not known" in line.text


def test_another_image_under_the_new_tag_is_not_passed_over(line: Line) -> None:
    stranger = ImageRef(REPOSITORY, NEXT, "sha256:" + "e" * 64)
    line.images.stored[REPOSITORY, NEXT], line.images.ids[stranger.digest] = stranger, "sha256:" + "f" * 64
    app = line.built(NEXT)
    with pytest.raises(Refused, match="another image has the tag"):
        publish(app, artifact=NEXT)
    app.signed_in = False
    build(app, artifact=NEXT)
    bundle(app, artifact=NEXT)
    app.signed_in = True
    with pytest.raises(NotAuthentic, match="not the image that was built here"):
        publish(app, artifact=NEXT)


def test_publishing_again_arrives_at_the_same_manifest(line: Line) -> None:
    app = line.built(NEXT)
    first = publish(app, artifact=NEXT)
    app.store.objects.pop(f"hello/dev/{NEXT}/manifest.json")
    assert publish(app, artifact=NEXT) == first


def test_an_untagged_builds_image_has_its_version_as_a_tag_too(tmp_path: Path) -> None:
    line, untagged = Line(tmp_path), f"{COMMIT[:8]}-20261120-120000"
    ref = image(line.ship(untagged))
    assert ref.tag == f"dev-{untagged}"
    assert {tag for _, tag in line.images.stored} == {f"dev-{untagged}", untagged}
    assert line.images.stored[REPOSITORY, untagged].digest == ref.digest


def test_another_environments_image_under_that_version_stays(tmp_path: Path) -> None:
    line, untagged = Line(tmp_path), f"{COMMIT[:8]}-20261120-120000"
    other = ImageRef(REPOSITORY, untagged, "sha256:" + "e" * 64)
    line.images.stored[REPOSITORY, untagged] = other
    line.ship(untagged)
    assert line.images.stored[REPOSITORY, untagged] == other
    assert line.last
    assert any("another environment's image" in warning for warning in line.last.screen.warnings)
