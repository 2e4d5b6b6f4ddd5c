"""Static sets of a deployment: switched once the units are healthy, and put back with them.

What a destination holds is recorded in the artifacts' bucket before its files change, by compare-and-swap under the
fencing number. So nothing is listed, and a run that died half-way leaves a record from which the next one goes on.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tagship.domain import commands, layout
from tagship.domain.manifest import StaticRef, sha256
from tagship.domain.static_set import NOTHING, Presence, StaticSet, dropped, invalidated, ranks, uploads
from tagship.domain.text import counted
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import AGAIN, stored_manifest, verified_manifest
from tagship.engine.lease_session import LeaseSession
from tagship.errors import ArtifactError, ArtifactMissing, LeaseLost, NotAuthentic, ServiceFailed, TagshipError
from tagship.ports.app import App
from tagship.ports.bucket import Conflict
from tagship.ports.site import Site
from tagship.settings import Destination

AT_ONCE = 16  # requests to S3


@dataclass(frozen=True)
class Place:
    """One set's destination, as its record says."""

    session: LeaseSession
    name: str

    @property
    def app(self) -> App:
        return self.session.app

    @property
    def environment(self) -> str:
        return self.session.plan.environment

    @property
    def key(self) -> str:
        return layout.static_presence(self.app.settings.app, self.environment, self.name)

    def read(self) -> tuple[Presence, str]:
        """Read the record and its ETag; nothing if it is absent."""
        stored = self.app.store.get(self.key)
        return (Presence.from_json(stored.body, self.key), stored.etag) if stored else (NOTHING, "")

    def write(self, presence: Presence, etag: str) -> str:
        """Write the record over that ETag.

        Raises LeaseLost if another deployment was faster."""
        try:
            if etag:
                return self.app.store.replace(self.key, presence.to_json(), etag).etag
            return self.app.store.create(self.key, presence.to_json()).etag
        except Conflict as conflict:
            raise LeaseLost(
                f"Another deployment changes the static set {self.name} of {self.environment}.",
                remedy="Look who holds the environment, then run this again",
            ) from conflict

    def files(self, artifact: str) -> tuple[StaticRef, StaticSet]:
        """Read an artifact's set. Raises ArtifactMissing, NotAuthentic."""
        ref = verified_manifest(self.app, self.environment, ArtifactId(artifact)).static.get(self.name)
        if ref is None:
            raise ArtifactMissing(f"{artifact} has no static set {self.name}.", remedy=AGAIN)
        stored = self.app.store.get(ref.files_key)
        body = stored.body if stored else b""
        if sha256(body) != ref.files_sha256:
            raise NotAuthentic(f"{ref.files_key} is not the list that its manifest names.", remedy=AGAIN)
        return ref, StaticSet.from_json(body, ref.files_key, AGAIN)

    def sets(self, artifacts: Sequence[str]) -> list[StaticSet]:
        """Read the artifacts' sets; none if one can't be read."""
        try:
            return [self.files(artifact)[1] for artifact in artifacts]
        except (ArtifactMissing, NotAuthentic):
            return []


def drifts(app: App, environment: str, artifact: str) -> dict[str, str]:
    """Say what is there in place of each static set's files.

    By the record of its destination alone. Sets that are as they should be are left out.
    """
    words: dict[str, str] = {}
    for name in app.settings.static_sets(environment):
        try:
            words[name] = _drift(app, environment, name, artifact)
        except TagshipError as reason:
            words[name] = f"not known: {reason.what.rstrip('.')}"
    return {name: drift for name, drift in words.items() if drift}


def warn_of_drifts(app: App, environment: str, artifact: str, static: Mapping[str, str], *, ends: bool) -> None:
    """Warn of sets that are not the artifact's.

    `ends`: a deployment may mend them.
    """
    for name, drift in static.items():
        app.screen.warn(f"static set {name}: {drift}")
    if static and ends:
        app.screen.say(f"to serve the files of {artifact}: {commands.deploy(artifact, environment)}")


def _drift(app: App, environment: str, name: str, artifact: str) -> str:
    key = layout.static_presence(app.settings.app, environment, name)
    stored = app.store.get(key)
    present = Presence.from_json(stored.body, key).present if stored else ()
    if not artifact or list(present) == [artifact] or not _has(app, environment, artifact, name):
        return ""
    if len(present) > 1:
        return f"files of {' and '.join(present)}: an update was cut off"
    return f"files of {present[0]}: the ledger says {artifact}" if present else "nothing is recorded there"


def _has(app: App, environment: str, artifact: str, name: str) -> bool:
    """Tell whether an artifact has that set."""
    # Also if that can't be read.
    try:
        manifest = stored_manifest(app, environment, ArtifactId(artifact))
    except TagshipError:
        return True
    return manifest is None or name in manifest.static


def switch(session: LeaseSession) -> None:
    """Bring each static set to the artifact; delete what nobody uses."""
    for name in _names(session, session.plan.artifact_id):
        _bring(Place(session, name), session.plan.artifact_id)


def put_back(session: LeaseSession) -> str:
    """Put back what this deployment changed; say what failed."""
    problems = []
    for name in session.app.settings.static_sets(session.plan.environment):
        place = Place(session, name)
        try:
            presence, _ = place.read()
            if presence.deployment == session.deployment_id and list(presence.present) != [presence.before]:
                problems += _restored(place, presence.before)
        except LeaseLost:
            raise
        except TagshipError as reason:
            problems.append(f"the static set {name} is not put back: {reason.what}")
    return "; ".join(problems)


def sweep(session: LeaseSession) -> None:
    """Delete files that no recent set names; a failure is a warning."""
    try:
        names = _names(session, session.plan.artifact_id)
    except (ServiceFailed, ArtifactError) as reason:
        session.app.screen.warn(f"old files of the static sets are still there: {reason.what}")
        return
    for name in names:
        place = Place(session, name)
        try:
            _sweep(place)
        except (ServiceFailed, NotAuthentic) as reason:
            session.app.screen.warn(f"old files of the static set {name} are still there: {reason.what}")


def _names(session: LeaseSession, artifact: str) -> list[str]:
    """Name the sets that the settings serve and the artifact has."""
    sets = session.app.settings.static_sets(session.plan.environment)
    if not sets:
        return []
    has = verified_manifest(session.app, session.plan.environment, ArtifactId(artifact)).static
    for name in (name for name in sets if name not in has):
        session.app.screen.warn(f"{artifact} has no static set {name}: what is served stays as it is")
    return [name for name in sets if name in has]


def _restored(place: Place, before: str) -> list[str]:
    if not before:
        place.app.screen.warn(f"the static set {place.name} was empty before: its new files stay")
        return []
    place.app.screen.say(f"putting the static set {place.name} of {before} back")
    _bring(place, before)
    return []


def _bring(place: Place, artifact: str) -> None:
    """Put what differs from the sets that may exist."""
    session = place.session
    presence, etag = place.read()
    if presence.fence > session.lease.fence:
        raise LeaseLost(
            f"Deployment {presence.deployment} changed the static set {place.name} after this one began.",
            remedy="Look who holds the environment, then run this again",
        )
    ref, wanted = place.files(artifact)
    present = place.sets(presence.present)
    changed = uploads(wanted, present)
    session.renew(f"static set {place.name}: {counted(len(changed), 'file')} of {len(wanted.files)}")
    moving = presence.moving(artifact, session.deployment_id, session.lease.fence)
    etag = place.write(moving, etag)
    _put(place, ref, wanted, changed)
    _invalidate(place, changed, present, artifact)
    place.write(moving.arrived(artifact), etag)
    place.app.screen.say(
        f"static set {place.name}: {len(changed):,} of {counted(len(wanted.files), 'file')} put, of {artifact}"
    )


def _destination(place: Place) -> Destination:
    return place.app.filled(place.environment).static[place.name].environments[place.environment]


def _put(place: Place, ref: StaticRef, wanted: StaticSet, changed: Sequence[str]) -> None:
    """Upload files from the artifact's zip file, a rank after the other."""
    if not changed:
        return
    site = place.app.site(place.environment, place.name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "set.zip"
        place.app.store.download(ref.key, file)
        with zipfile.ZipFile(file) as archive, ThreadPoolExecutor(AT_ONCE) as pool:
            for group in ranks(wanted, changed):
                place.session.beat(f"putting {counted(len(group), 'file')} of the static set {place.name}")
                list(pool.map(lambda path: site.put(path, archive.read(path), wanted.files[path]), group))


def _invalidate(place: Place, changed: Sequence[str], present: Sequence[StaticSet], artifact: str) -> None:
    """Have the CDN drop what changed."""
    top, site = _destination(place).url_path, place.app.site(place.environment, place.name)
    paths = invalidated(changed, present, top)
    if not paths or not _destination(place).distribution:
        return
    by_tags = invalidated(changed, present, top, tagged=True)
    paths = by_tags if by_tags != paths and _knows_tags(place, site) else paths
    # Who goes on after a death finds more that may be cached: CloudFront refuses other paths by the same reference.
    asked = sha256("\n".join(paths).encode())[:12]
    request = site.invalidate(paths, f"{place.session.deployment_id}-{place.name}-{artifact}-{asked}")
    place.app.screen.say(f"static set {place.name}: invalidation {request} of {', '.join(paths)}")


def _knows_tags(place: Place, site: Site) -> bool:
    """Tell whether the CDN drops files by tags; false if unknown."""
    try:
        return site.knows_tags()
    except ServiceFailed as reason:
        place.app.screen.warn(f"static set {place.name}: all of it is invalidated, for {reason.what}")
        return False


def _sweep(place: Place) -> None:
    """Delete the oldest set's files, if there are too many sets."""
    presence, etag = place.read()
    keep = place.app.settings.static[place.name].keep
    if len(presence.recent) <= keep:
        return
    recent, old = place.sets(presence.recent[:keep]), place.sets(presence.recent[keep:])
    paths = sorted({path for stored in old for path in dropped(stored, recent)}) if recent else []
    if paths:
        place.app.site(place.environment, place.name).delete(paths)
        place.app.screen.say(f"static set {place.name}: {counted(len(paths), 'file')} deleted that no recent set has")
    left = Presence(
        presence.fence, presence.deployment, presence.present, presence.before, tuple(presence.recent[:keep])
    )
    place.write(left, etag)
