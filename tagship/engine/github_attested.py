"""GitHub's attestations of an artifact: required, verified offline, and kept beside it once they were believed.

The first deployment asks GitHub, and stores what it answered: a rollback at night needs no GitHub. What is stored is
verified anew each time, by the trusted root alone: whoever may write to the bucket can take it away, and forge nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tagship.domain import layout
from tagship.domain.attestation import subjects_of_manifest, taken_by_manifest
from tagship.domain.github_attestation import AGAIN, REQUIRED, Attester, Bundle, read, written
from tagship.domain.manifest import Manifest
from tagship.domain.text import listed
from tagship.errors import NotAuthentic, ServiceFailed, TagshipError
from tagship.ports.app import App
from tagship.ports.bucket import Conflict
from tagship.settings import own
from tagship.settings.trust import ANY, trusted

IMAGES = "build/images.sha256"  # as sha256sum writes them; subject-checksums of the workflows that init writes
ALLOWED_TO_READ = "a token that may read attestations (permissions: attestations: read), as GITHUB_TOKEN"


def is_required(app: App, environment: str) -> bool:
    return app.settings.environment(environment).require_attestation == REQUIRED


def check_github(app: App, manifest: Manifest, environment: str = "") -> None:
    """Require GitHub's attestation of every part, if the settings do.

    Those are the settings of the manifest's environment, or of the one it is to go to. Raises NotAuthentic.
    """
    environment = environment or manifest.environment
    if not is_required(app, environment):
        return
    builder = _builder(app, manifest)
    stored = app.store.get(_key(manifest))
    if stored:
        _require(app, manifest, builder, read(stored.body, app.store.url(stored.key)), "stored beside it")
        return
    bundles = _asked(app, manifest)
    believed = _require(app, manifest, builder, bundles, "known to GitHub")
    _keep(app, manifest, believed)


def keep_early(app: App, manifest: Manifest) -> None:
    """Keep what GitHub has attested by now, if all of it is.

    What is attested later is asked for by the first deployment.
    """
    if not is_required(app, manifest.environment):
        return
    try:
        check_github(app, manifest)
    except TagshipError as reason:
        words = f"{manifest.environment} will refuse {manifest.artifact_id} until GitHub attests it"
        app.screen.warn(f"{words}: {reason.what}")


def name_images(app: App, manifest: Manifest) -> None:
    """Write the digests of pushed images, for the workflow to attest."""
    if not any(is_required(app, name) for name in app.settings.environments):
        return
    images = dict.fromkeys((image.digest, image.repository) for image in manifest.every_image.values())
    if images:
        lines = [f"{digest.removeprefix('sha256:')}  {repository}\n" for digest, repository in images]
        file = own(app.root) / IMAGES
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(lines), "utf-8")


def carry(app: App, source: Manifest, environment: str) -> None:
    """Take stored attestations along to another environment."""
    stored = app.store.get(_key(source))
    if stored:
        _create(app, layout.artifact(source.app, environment, source.artifact_id, layout.ATTESTATIONS), stored.body)


def _builder(app: App, manifest: Manifest) -> Attester:
    """Name the workflows that ship to the environment it was published for."""
    workflows = trusted(app.settings, manifest.published)["ship"]
    return Attester(app.settings.ci.repository, [] if ANY in workflows else workflows)


def _parts(manifest: Manifest) -> Mapping[str, str]:
    """List what has to be attested: each part's name and digest."""
    return subjects_of_manifest(manifest) | taken_by_manifest(manifest)


def _asked(app: App, manifest: Manifest) -> list[Bundle]:
    """Ask GitHub for the attestations of every part."""
    forge = app.forge
    if forge is None:
        raise NotAuthentic(
            f"No attestation is stored beside {manifest.artifact_id}, and GitHub can't be asked without a token.",
            remedy=f"Give it {ALLOWED_TO_READ}, and run the same command again",
        )
    bundles: list[Bundle] = []
    for digest in dict.fromkeys(_parts(manifest).values()):
        bundles += [bundle for bundle in forge.attestations(digest) if bundle not in bundles]
    return bundles


def _require(app: App, manifest: Manifest, builder: Attester, bundles: Sequence[Bundle], where: str) -> list[Bundle]:
    """Require that believed bundles name every part; return those."""
    attested, believed, doubts = set[str](), list[Bundle](), list[str]()
    for bundle in bundles:
        try:
            attested |= app.attestations.digests(bundle, builder)
            believed.append(bundle)
        except NotAuthentic as reason:
            doubts.append(reason.what)
    missing = [name for name, digest in _parts(manifest).items() if digest not in attested]
    if missing:
        other = f"Those {where} are of other bytes." if believed else f"None is {where}."
        why = doubts[0] if doubts else other
        raise NotAuthentic(
            f"{manifest.artifact_id} has no attestation by {builder} of {listed(missing)}. {why}", remedy=AGAIN
        )
    return believed


def _keep(app: App, manifest: Manifest, bundles: Sequence[Bundle]) -> None:
    _create(app, _key(manifest), written(bundles))


def _create(app: App, key: str, body: bytes) -> None:
    """Store attestations once, or warn.

    GitHub is asked again then.
    """
    try:
        app.store.create(key, body)
    except Conflict:
        return
    except ServiceFailed as reason:
        app.screen.warn(f"the attestations were not stored, so a rollback will ask GitHub for them: {reason.what}")


def _key(manifest: Manifest) -> str:
    return layout.artifact(manifest.app, manifest.environment, manifest.artifact_id, layout.ATTESTATIONS)
