"""An archive from before tagship, made an artifact, so that an environment can go back to it.

Nobody signed such an archive, and nothing says who made it, of which commit, or whether it is what ran. So it is taken
by name alone, by somebody who was told that, and who may sign releases; from then on it is an artifact like any other:
the files of the archive, the host files of this tagship, the settings and secrets of today. A version that tagship ever
published or deployed there is not taken from an archive: whoever may write to the bucket could put one in its place.

Each object is created and none is overwritten, the manifest last, as `publish` does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

from tagship import __version__
from tagship.domain import aws_commands, commands, layout
from tagship.domain.bundle import Built
from tagship.domain.manifest import BundleRef, ImageRef, Legacy, Manifest, sha256
from tagship.domain.origin import Origin, written
from tagship.domain.text import either, moment
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import Stored, verified
from tagship.engine.attested import check_required
from tagship.engine.storing import said_to_be_stored
from tagship.errors import Interrupted, NotAuthentic, Refused, ServiceFailed, UsageError
from tagship.ports.app import App
from tagship.ports.bucket import Conflict, Object
from tagship.release.attesting import check_pair
from tagship.release.manifests import put_manifest
from tagship.release.repacking import repacked
from tagship.release.secrets import resolved
from tagship.settings import own

WORKFLOWS = ("rollback.yml", "tagship-rollback.yml")  # as `init` calls it
ALLOW = "an archive that nobody signed"  # what that workflow's input has to be


@dataclass(frozen=True)
class Taken:
    """An archive and the artifact that it becomes; nothing is stored yet."""

    archive: Object
    file: Path  # the bundle
    origin: Origin
    manifest: Manifest
    signs: bool

    @property
    def stored(self) -> Stored:
        return Stored(self.manifest, self.signs)

    def key(self, name: str) -> str:
        return layout.artifact(self.manifest.app, self.manifest.environment, self.manifest.artifact_id, name)


def taken(app: App, environment: str, artifact_id: ArtifactId) -> Taken | None:
    """Make an artifact of a version's archive, as files.

    It says what is not known of the archive. None if the version is an artifact already, or was one, or if there is no
    archive of it.
    Raises NotAuthentic if it is no tar.gz, Refused if the environment cannot run it.
    """
    archive = _archive(app, environment, artifact_id)
    if archive is None:
        return None
    _say(app, artifact_id, archive)
    made = _made(app, environment, artifact_id, archive)
    check_required(app, made.manifest)
    return made


def _archive(app: App, environment: str, artifact_id: ArtifactId) -> Object | None:
    if app.store.head(layout.artifact(app.settings.app, environment, artifact_id, layout.MANIFEST)):
        return None
    keys = layout.legacy_archives(app.settings.legacy_keys, app.settings.app, environment, artifact_id)
    heads = [head for head in map(app.store.head, keys) if head]
    if not heads or any(past.artifact_id == artifact_id for past in app.ledger.deployments(environment)):
        return None
    for other in heads[1:]:
        app.screen.warn(f"another archive of {artifact_id} exists, and is ignored: {_url(app, other.key)}")
    return heads[0]


def _say(app: App, artifact_id: ArtifactId, archive: Object) -> None:
    app.screen.warn(f"tagship never published {artifact_id}: it is an archive from before, {_url(app, archive.key)}")
    app.screen.say(f"{archive.size:,} bytes, stored {moment(archive.modified)} UTC")
    app.screen.warn("it is unsigned: its author, its commit and its integrity can't be verified")


def _made(app: App, environment: str, artifact_id: ArtifactId, archive: Object) -> Taken:
    _check_kind(app, environment, artifact_id)
    place = own(app.root) / "legacy" / environment / artifact_id
    place.mkdir(parents=True, exist_ok=True)
    digest = _downloaded(app, archive, place / "archive.tar.gz")
    image = _image(app, environment, artifact_id)
    built = repacked(app, artifact_id, place / "archive.tar.gz", place / layout.BUNDLE)
    app.screen.say(
        f"its sha256 is {digest}; it has {len(built.files)} files, with the host files of tagship {__version__}"
    )
    origin = Origin(
        "", "", f"{archive.modified.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", image=written({"": image} if image else {})
    )
    signs = app.settings.signing is not None
    manifest = _manifest(app, environment, built, origin, image)
    manifest = replace(
        manifest,
        legacy=Legacy(archive.key, digest, origin.build_time),
        signed_by=app.keys(environment).id if signs else "",
    )
    return Taken(archive, place / layout.BUNDLE, origin, manifest, signs)


def _check_kind(app: App, environment: str, artifact_id: ArtifactId) -> None:
    """Refuse a target that runs more than an archive has."""
    chosen = app.settings.environment(environment)
    parts = [*(f"the package {name}" for name in chosen.target.packages)]
    parts += [f"the static set {name}" for name in app.settings.static_sets(environment)]
    if parts:
        raise Refused(
            f"{environment} runs {parts[0]}, and an archive from before tagship has none.",
            remedy=f"Take a version that has: {commands.rollback('', environment)}",
        )
    if not app.settings.signing and not chosen.allow_unsigned:
        raise Refused(f"There is no key to sign {artifact_id} with.", remedy="Name key and public_key under [signing]")


def _downloaded(app: App, archive: Object, to: Path) -> str:
    """Fetch the archive; return its SHA-256.

    Raises NotAuthentic if S3 names another.
    """
    head = app.store.download(archive.key, to)
    digest = sha256(to.read_bytes()) if head else ""
    if head is None or (head.etag, head.sha256 or digest) != (archive.etag, digest):
        raise NotAuthentic(
            f"{_url(app, archive.key)} changed while it was read, or is not what S3 has a checksum of.",
            remedy=f"See who writes there, then take another version: {commands.history()}",
        )
    return digest


def _image(app: App, environment: str, artifact_id: ArtifactId) -> ImageRef | None:
    """Find the version's image, if one is run. Raises Refused."""
    chosen = app.settings.images_of(environment)
    name = app.settings.environment(environment).target.host_image
    if name not in chosen:
        return None
    repository = chosen[name].repository
    image = app.registry.find(repository, str(artifact_id))
    if image is None:
        raise Refused(
            f"{environment} runs an image, and {repository} has none tagged {artifact_id}.",
            remedy=f"See what can be gone back to: {commands.history(environment)}",
        )
    app.screen.say(f"its image is {image.by_digest}, which is what the tag {artifact_id} is at now")
    return image


def _manifest(app: App, environment: str, built: Built, origin: Origin, image: ImageRef | None) -> Manifest:
    key = layout.artifact(app.settings.app, environment, built.artifact_id, layout.BUNDLE)
    digests = [built.files[path] for path in sorted(app.unfilled(environment).files())]
    return Manifest(
        app=app.settings.app,
        environment=environment,
        artifact_id=built.artifact_id,
        version=str(ArtifactId(built.artifact_id).version or ""),
        commit="",
        branch="",
        tag="",
        build_time=origin.build_time,
        builder="",
        bundle=BundleRef(key, built.sha256, built.size, built.sums_sha256, built.unpacked),
        files=dict(built.files),
        image=image,
        configuration_sha256=digests[0] if len(digests) == 1 else sha256("\n".join(digests).encode()),
        secrets=resolved(app, environment),
        host_files=built.host_files,
    )


# -- storing it --------------------------------------------------------------------------------------------------------


def confirm(app: App, made: Taken, again: str, *, allowed: bool) -> None:
    """Ask whether to take it, unless that was `allowed`.

    Raises UsageError if there is nobody to ask.
    """
    if allowed:
        return
    if not app.prompt.possible:
        raise UsageError(
            f"{made.manifest.artifact_id} is an archive that nobody signed: taking it needs --allow-legacy.",
            remedy=f"If you know that archive: {again}",
        )
    deed = "Sign it" if made.signs else "Store it, unsigned,"
    if not app.prompt.confirm(f"{deed} as it is, and go back to it?"):
        raise Interrupted(
            "It was not taken.",
            remedy=f"Choose another version: {commands.rollback(environment=made.manifest.environment)}",
        )


def store(app: App, made: Taken) -> None:
    """Create bundle, signature and manifest, and read them back."""
    manifest = made.manifest
    artifact_id, environment = ArtifactId(manifest.artifact_id), manifest.environment
    with _way_out(app, environment, artifact_id), said_to_be_stored(app, environment, artifact_id):
        _create(app, made, layout.BUNDLE, made.file)
        if made.signs:
            _sign(app, made)
        remedy = f"See what is there: {commands.history(environment)}"
        put_manifest(app, made.key(layout.MANIFEST), manifest.to_json(), made.origin.metadata(), remedy)
        verified(app, environment, artifact_id)
    word = "signed and stored" if made.signs else "stored, UNSIGNED"
    app.screen.say(f"{artifact_id} is an artifact of {environment} now: {word} by {app.who}")


@contextmanager
def _way_out(app: App, environment: str, artifact_id: ArtifactId) -> Iterator[None]:
    """Name who may sign, if AWS kept this identity from it."""
    try:
        yield
    except ServiceFailed as problem:
        problem.remedy = either(problem.remedy, _by_ci(app, environment, artifact_id))
        raise


def _by_ci(app: App, environment: str, artifact_id: ArtifactId) -> str:
    """Spell how CI does it.

    By the workflow that `init` writes, or by a step of another.
    """
    for name in WORKFLOWS:
        if (app.root / ".github/workflows" / name).is_file():
            inputs = f"-f environment={environment} -f to={artifact_id} -f allow='{ALLOW}'"
            return f"Or have CI do it, whose role may sign: gh workflow run {name} {inputs}"
    step = commands.rollback(artifact_id, environment, yes=True, allow_legacy=True)
    return f"Or have CI do it, whose role may sign; in a job of the GitHub environment {environment}: {step}"


def _create(app: App, made: Taken, name: str, body: bytes | Path) -> None:
    """Create an object. Raises Refused if another is there."""
    key = made.key(name)
    try:
        app.store.create(key, body, made.origin.metadata())
    except Conflict as conflict:
        head = app.store.head(key)
        if name == layout.BUNDLE and head and head.sha256 == made.manifest.bundle.sha256:
            return
        raise _left_over(app, key, made.manifest.environment) from conflict


def _left_over(app: App, key: str, environment: str) -> Refused:
    """Build the error of an object that an earlier attempt left.

    Settings, secrets or tagship were others then.
    """
    delete = aws_commands.remove_object(_url(app, key), app.settings.account(environment).where)
    return Refused(
        f"{_url(app, key)} exists with other bytes, from an attempt that was cut off.",
        state="Without a manifest it is not an artifact.",
        remedy=either(
            f"Have an administrator look at it and delete it: {delete}",
            f"Or take another version: {commands.rollback(environment=environment)}",
        ),
    )


def _sign(app: App, made: Taken) -> None:
    """Create the signature; one that is there has to verify the manifest."""
    raw, keys = made.manifest.to_json(), app.keys(made.manifest.environment)
    existing = app.store.get(made.key(layout.SIGNATURE))
    if existing:
        try:
            keys.verifier.verify(raw, existing.body, f"the manifest of {made.manifest.artifact_id}", keys.id)
        except NotAuthentic as reason:
            raise _left_over(app, made.key(layout.SIGNATURE), made.manifest.environment) from reason
        return
    signature = keys.signer.sign(raw)
    check_pair(keys, raw, signature)
    _create(app, made, layout.SIGNATURE, signature)


def _url(app: App, key: str) -> str:
    return app.store.url(key)
