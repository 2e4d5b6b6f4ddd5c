"""Packages and static sets of an artifact: built by their commands, at the same time, unless they are unchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from tagship.domain import layout
from tagship.domain.inputs import Inputs
from tagship.domain.manifest import PackageRef, StaticRef
from tagship.domain.package import BuiltPart, BuiltParts
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.ports.app import App
from tagship.release import packages, static_sets
from tagship.release.built import PACKAGES
from tagship.release.built_sets import SETS
from tagship.release.part_inputs import inputs_of_part
from tagship.release.unchanged import Before
from tagship.release.unchanged_parts import list_of, said, same_part
from tagship.settings import Package, Static

PACKAGE, SET = "package", "static set"
Made = dict[tuple[str, str], BuiltPart]  # by noun and name


@dataclass(frozen=True)
class PartBuild:
    """The build of one package or static set."""

    app: App
    artifact_id: ArtifactId
    noun: str
    name: str

    @property
    def settings(self) -> Package | Static:
        return (self.app.settings.packages if self.noun == PACKAGE else self.app.settings.static)[self.name]

    @property
    def about(self) -> str:
        return f"{self.noun} {self.name}"

    def before(self, before: Before) -> PackageRef | StaticRef | None:
        """Return the same part of what runs."""
        return (before.packages if self.noun == PACKAGE else before.static).get(self.name)

    def cleared(self) -> None:
        """Remove what an earlier build left."""
        # The record would say nothing of it.
        place = folder(self.app, self.artifact_id)
        for name in (layout.package(self.name),) if self.noun == PACKAGE else layout.objects_of_set(self.name):
            (place / name).unlink(missing_ok=True)

    def zipped(self, inputs: Inputs, before: Before) -> BuiltPart:
        """Zip what its directory has by now."""
        zipped = packages.zipped if self.noun == PACKAGE else static_sets.zipped
        made = replace(zipped(self.app, self.artifact_id, self.name), inputs=inputs.digest)
        ref = self.before(before)
        same = f", as in {before.version}, which runs" if ref and ref.sha256 == made.sha256 else ""
        self.app.screen.say(f"built {self.about}: {made.size:,} bytes, sha256 {made.sha256}{same}")
        return made


def parts_of(app: App, artifact_id: ArtifactId, environment: str) -> list[PartBuild]:
    """List the packages and static sets of an environment."""
    names = app.settings.environment(environment).target.packages
    parts = [PartBuild(app, artifact_id, PACKAGE, name) for name in names]
    return parts + [PartBuild(app, artifact_id, SET, name) for name in app.settings.static_sets(environment)]


def builds(parts: Sequence[PartBuild], commit: str, before: Before) -> list[Callable[[], Made]]:
    """List what is to be done at the same time.

    Parts of one command are built together: it runs once.
    """
    groups: dict[tuple[object, ...], list[PartBuild]] = {}
    for part in parts:
        command = part.settings.command
        groups.setdefault((command, bool(part.settings.inputs)) if command else (part.about,), []).append(part)
    return [partial(_built, group, commit, before) for group in groups.values()]


def _built(group: Sequence[PartBuild], commit: str, before: Before) -> Made:
    """Build the parts of one command, less those that are unchanged."""
    made: Made = {}
    wanted: list[tuple[PartBuild, Inputs]] = []
    for part in group:
        part.cleared()
        inputs = inputs_of_part(part.app, part.settings)
        same = same_part(part.app, before, part.before(before), inputs)
        if same.ref or part.settings.inputs:
            part.app.screen.say(said(part.about, same))
        if same.ref:
            made[part.noun, part.name] = _kept(part, same.ref, same.built_for)
        else:
            wanted.append((part, inputs))
    _run([part for part, _ in wanted], commit)
    return made | {(part.noun, part.name): part.zipped(inputs, before) for part, inputs in wanted}


def _kept(part: PartBuild, ref: PackageRef | StaticRef, built_for: str) -> BuiltPart:
    if isinstance(ref, PackageRef):
        return BuiltPart(ref.sha256, ref.size, inputs=ref.inputs, kept=built_for)
    listed = folder(part.app, part.artifact_id) / layout.static_files(part.name)
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_bytes(list_of(part.app, ref))
    return BuiltPart(ref.sha256, ref.size, ref.files_sha256, ref.inputs, built_for)


def _run(parts: Sequence[PartBuild], commit: str) -> None:
    if not parts or not (command := parts[0].settings.command):
        return
    app, names = parts[0].app, ", ".join(part.about for part in parts)
    app.screen.say(f"{names}: {' '.join(command)}")
    facts = {"VERSION": str(parts[0].artifact_id), "COMMIT_SHA": commit}
    # What may be kept names no version: it would be another's.
    app.packager.run(command, app.root, {} if parts[0].settings.inputs else facts)


def record(app: App, artifact_id: ArtifactId, commit: str, made: Made) -> None:
    """Write down what was built, for `publish`."""
    place = folder(app, artifact_id)
    for noun, name in ((PACKAGE, PACKAGES), (SET, SETS)):
        parts = {part: built for (of, part), built in sorted(made.items()) if of == noun}
        if parts:
            (place / name).write_bytes(BuiltParts(commit, parts).to_json())
