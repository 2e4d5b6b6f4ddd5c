"""Which packages and static sets need not be built, or not be uploaded: see docs/adr/0041-unchanged-images.md.

Those of the same declared inputs as in the version that runs are not built. Of others the bytes are compared: if they
are the same, S3 copies the object that it has. Either way the object of an artifact is its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tagship.domain import commands, layout
from tagship.domain.bundle import VERSION
from tagship.domain.inputs import Inputs
from tagship.domain.manifest import Manifest, PackageRef, StaticRef, sha256
from tagship.domain.package import BuiltPart
from tagship.domain.static_set import StaticSet
from tagship.domain.text import counted, listed
from tagship.errors import NotAuthentic, Refused, TagshipError
from tagship.ports.app import App
from tagship.release.built import Work
from tagship.release.built_sets import BuiltSet
from tagship.release.unchanged import Before

SHOWN = 5  # files of the bundle that are named
UNSIGNED = "Nothing was signed or deployed."
Ref = PackageRef | StaticRef


@dataclass(frozen=True)
class SamePart:
    """A part that exists already, or why there is none.

    `of` is the version that runs; `uploads` is false if it was built with the same bytes.
    """

    ref: Ref | None = None
    of: str = ""
    why: str = ""

    @property
    def built_for(self) -> str:
        """Name the artifact that it was built for."""
        return (self.ref.built_for or self.of) if self.ref else ""


def same_part(app: App, before: Before, ref: Ref | None, inputs: Inputs) -> SamePart:
    """Find the part of what runs that the same inputs made."""
    if before.manifest is None:
        return SamePart(why=before.why)
    of = before.version
    if inputs.why:
        return SamePart(of=of, why=inputs.why)
    if not inputs.digest:
        return SamePart(of=of, why="it declares no inputs")
    if ref is None or before.manifest.promoted:
        return SamePart(of=of, why=f"{of}, which runs, {'was promoted' if ref else 'has no such part'}")
    problem = f"it is made of other inputs than that of {of}, which runs"
    if ref.inputs == inputs.digest:
        problem = why_not_there(app, ref)
    return SamePart(of=of, why=problem) if problem else SamePart(ref, of)


def why_not_there(app: App, ref: Ref) -> str:
    """Say why a part of what runs can't be taken, if so."""
    try:
        for key, digest in objects_of(ref):
            head = app.store.head(key)
            if head is None or head.sha256 != digest:
                return f"{key} is {'another by now' if head else 'gone'}"
    except TagshipError as reason:
        return f"the bucket does not say whether that object exists ({reason.what.rstrip('.')})"
    return ""


def objects_of(ref: Ref) -> list[tuple[str, str]]:
    """List a part's objects: key and SHA-256."""
    lists = [(ref.files_key, ref.files_sha256)] if isinstance(ref, StaticRef) else []
    return [(ref.key, ref.sha256), *lists]


def list_of(app: App, ref: StaticRef) -> bytes:
    """Read the list of a set's files. Raises NotAuthentic."""
    stored = app.store.get(ref.files_key)
    body = stored.body if stored else b""
    if sha256(body) != ref.files_sha256:
        raise NotAuthentic(
            f"{ref.files_key} is not the list that its manifest names.", remedy="See who wrote to the bucket"
        )
    return body


def said(about: str, same: SamePart) -> str:
    """Say what becomes of a part, and why."""
    return f"{about}: unchanged since {same.of}, which runs: not built" if same.ref else f"{about} is new: {same.why}"


# -- what `publish` decides --------------------------------------------------------------------------------------------


def settled(app: App, work: Work, before: Before) -> Work:
    """Decide of each part whether it is kept; say so."""
    settling = _Settling(app, work, before)
    copies: dict[str, str] = {}
    packages, static = dict(work.packages), dict(work.static)
    for name, built in work.packages.items():
        package = before.packages.get(name)
        same = settling.same(f"package {name}", built, package)
        packages[name] = _taken(built, same)
        copies |= _sources(app, package, packages[name], [layout.package(name)])
    for name, made in work.static.items():
        ref = before.static.get(name)
        same = settling.same(f"static set {name}", made.part, ref)
        static[name] = _taken_set(app, made, same)
        copies |= _sources(app, ref, static[name].part, layout.objects_of_set(name))
    app.screen.say(of_bundle(work, before))
    return replace(work, packages=packages, static=static, copies=copies)


@dataclass(frozen=True)
class _Settling:
    """What decides of the parts of one artifact."""

    app: App
    work: Work
    before: Before

    def same(self, about: str, built: BuiltPart, ref: Ref | None) -> SamePart:
        """Find the same part of what runs, and say so.

        Raises Refused if there is none by now, and `build` left none.
        """
        same = same_part(self.app, self.before, ref, Inputs(built.inputs))
        if same.ref is None and built.kept:
            work = self.work
            raise Refused(
                f"The {about} was not built, because one of the same inputs existed; since then: {same.why}.",
                state=UNSIGNED,
                remedy=f"Build it: {commands.build(work.artifact_id, work.environment)}",
            )
        if same.ref and not built.kept and built.sha256 != same.ref.sha256:
            words = "was built of the same inputs, with other bytes"
            self.app.screen.warn(
                f"{about} {words}: name all that its command reads, or have it make the same each time"
            )
        self.app.screen.say(f"{about}{self._words(built, ref, same)}")
        return same

    def _words(self, built: BuiltPart, ref: Ref | None, same: SamePart) -> str:
        unchanged = f": unchanged since {self.before.version}, which runs"
        if same.ref:
            return f"{unchanged}: its bytes are kept"
        if ref and ref.sha256 == built.sha256 and not why_not_there(self.app, ref):
            return f"{unchanged}: not uploaded again"
        if built.inputs or ref is None:
            return f" is new: {same.why}"
        return f" is new: it has other bytes than that of {self.before.version}, which runs"


def _taken(built: BuiltPart, same: SamePart) -> BuiltPart:
    """Describe a part as it is published."""
    ref = same.ref
    if ref is None:
        return built
    lists = ref.files_sha256 if isinstance(ref, StaticRef) else ""
    return BuiltPart(ref.sha256, ref.size, lists, ref.inputs, same.built_for)


def _taken_set(app: App, built: BuiltSet, same: SamePart) -> BuiltSet:
    ref = same.ref
    if not isinstance(ref, StaticRef):
        return built
    part = _taken(built.part, same)
    files = StaticSet.from_json(list_of(app, ref), ref.files_key, "See who wrote to the bucket")
    return BuiltSet(built.key, part, files)


def _sources(app: App, ref: Ref | None, part: BuiltPart, names: list[str]) -> dict[str, str]:
    """Return the keys that S3 can copy, by object name."""
    if ref is None or why_not_there(app, ref):
        return {}
    wanted = [part.sha256, part.files_sha256][: len(names)]
    pairs = zip(names, objects_of(ref), wanted, strict=True)
    return {name: key for name, (key, digest), sha in pairs if digest == sha}


def of_bundle(work: Work, before: Before) -> str:
    """Say what differs from the bundle of what runs."""
    if before.manifest is None:
        return f"bundle is new: {before.why}"
    changed = list(_differing(work.built.files, before.manifest))
    if changed:
        return f"bundle is new: {counted(len(changed), 'file')} not as in {before.version}: {listed(changed, SHOWN)}"
    unchanged = f"bundle: unchanged since {before.version}, which runs, but for {VERSION}"
    return f"{unchanged}: it is stored, as it names the version"


def _differing(files: Mapping[str, str], manifest: Manifest) -> Iterator[str]:
    for path in sorted(files.keys() | manifest.files.keys()):
        if path != VERSION and files.get(path) != manifest.files.get(path):
            yield path


def recalled(work: Work, stored: Manifest) -> Work:
    """Take parts of the same inputs as those that are published already."""
    packages, static = dict(work.packages), dict(work.static)
    for name, built in work.packages.items():
        ref: Ref | None = stored.packages.get(name)
        if ref and built.inputs and ref.inputs == built.inputs:
            packages[name] = BuiltPart(ref.sha256, ref.size, inputs=ref.inputs, kept=ref.built_for)
    for name, made in work.static.items():
        of = stored.static.get(name)
        if of and made.part.inputs and of.inputs == made.part.inputs:
            part = BuiltPart(of.sha256, of.size, of.files_sha256, of.inputs, of.built_for)
            static[name] = replace(made, part=part)
    return replace(work, packages=packages, static=static)
