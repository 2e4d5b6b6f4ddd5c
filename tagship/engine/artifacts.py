"""Artifacts as they are stored, and the folder in which CI's steps pass their work on."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tagship.domain import aws_commands, commands, layout
from tagship.domain.deployment import serving
from tagship.domain.manifest import Manifest, sha256, signer_of
from tagship.domain.origin import Origin, written
from tagship.domain.standing import marked_bad
from tagship.domain.text import either
from tagship.domain.version import ArtifactId, Version, is_older
from tagship.engine.attested import check_required
from tagship.engine.github_attested import check_github
from tagship.errors import ArtifactMissing, NotAuthentic
from tagship.ports.app import App
from tagship.ports.bucket import Object
from tagship.settings import own

SHOWN = 5  # artifacts that are named when another was asked for
UNENDED = "If it should exist, look in its CI run for why publishing failed"
AGAIN = f"Don't deploy it. Publish the commit under a new number: {commands.deploy_dev()}"


@dataclass(frozen=True)
class Stored:
    """An artifact as it was read back, and believed.

    By its signature, or because its environment needs none.
    """

    manifest: Manifest
    signed: bool

    @property
    def manifest_sha256(self) -> str:
        return sha256(self.manifest.to_json())


def folder(app: App, artifact_id: ArtifactId) -> Path:
    """Return the folder where `build` and `bundle` leave their files.

    .tagship/build/<artifact id>: `publish` reads it.
    """
    return own(app.root) / "build" / str(artifact_id)


def verified_manifest(app: App, environment: str, artifact_id: ArtifactId) -> Manifest:
    """Read the manifest of a stored artifact; see `verified`."""
    return verified(app, environment, artifact_id).manifest


def verified(app: App, environment: str, artifact_id: ArtifactId, *, by_github: bool = True) -> Stored:
    """Read a stored artifact, and verify it.

    Its manifest names what was asked for, and its bundle is there with the bytes that it names. The manifest is signed,
    or the environment takes unsigned ones, and that is said. Its `to_json` are the very bytes that are stored and
    signed. Raises ArtifactMissing or NotAuthentic. `by_github` is false while it is made, and not attested yet.
    """
    stored = _stored(app, environment, artifact_id)
    if stored is None:
        raise _missing(app, environment, artifact_id)
    _say_unsigned(app, environment, artifact_id, stored)
    head = app.store.head(stored.manifest.bundle.key)
    if head is None:
        raise ArtifactMissing(
            f"The bundle of {artifact_id} is gone: {app.store.url(stored.manifest.bundle.key)} is not there.",
            remedy=f"Take another version. {offer(app, environment, artifact_id)}",
        )
    _check_bundle(app, stored.manifest, head)
    _check_packages(app, environment, stored.manifest)
    if by_github:
        check_github(app, stored.manifest)
    return stored


def stored_manifest(app: App, environment: str, artifact_id: ArtifactId) -> Manifest | None:
    """Read and believe the manifest under an id; None without one.

    Without a manifest, such an artifact does not exist.
    """
    stored = _stored(app, environment, artifact_id)
    if stored:
        _say_unsigned(app, environment, artifact_id, stored)
    return stored.manifest if stored else None


def altered(app: App, environment: str, artifact_id: ArtifactId) -> bool:
    """Tell whether a stored artifact can't be used.

    That is so if anything of it is missing or altered, or is not what the settings require. Nothing is said or raised.
    """
    try:
        stored = _stored(app, environment, artifact_id)
        head = app.store.head(stored.manifest.bundle.key) if stored else None
        if stored is None or head is None:
            return True
        _check_bundle(app, stored.manifest, head)
    except NotAuthentic:
        return True
    heads = [(app.store.head(key), digest) for _, key, digest in stored.manifest.objects]
    return any(head is None or head.sha256 != digest for head, digest in heads)


def _say_unsigned(app: App, environment: str, artifact_id: ArtifactId, stored: Stored) -> None:
    if not stored.signed:
        app.screen.warn(f"UNSIGNED: nobody signed {artifact_id}; {environment} allows that (allow_unsigned)")


def _stored(app: App, environment: str, artifact_id: ArtifactId) -> Stored | None:
    key = layout.artifact(app.settings.app, environment, artifact_id, layout.MANIFEST)
    stored = app.store.get(key)
    if stored is None:
        return None
    signed = _check_signature(app, environment, artifact_id, stored.body, app.store.url(key))
    manifest = Manifest.from_json(stored.body, app.store.url(key))
    _check_names(app, manifest, environment, artifact_id, app.store.url(key))
    if manifest.to_json() != stored.body:
        raise NotAuthentic(f"{app.store.url(key)} is not a manifest of tagship's.", remedy=AGAIN)
    check_required(app, manifest)
    return Stored(manifest, signed)


def _check_signature(app: App, environment: str, artifact_id: ArtifactId, raw: bytes, where: str) -> bool:
    """Require a good signature, or none; tell which.

    It is the publisher's, by the key that the manifest names, or the one that `resign` put beside it: both by keys that
    count. Raises NotAuthentic if there is another, or none where the environment wants one.
    """
    signature = app.store.get(layout.artifact(app.settings.app, environment, artifact_id, layout.SIGNATURE))
    if signature is None:
        _check_allowed(app, environment, where)
        return False
    verifier = app.keys(environment).verifier
    try:  # one that is there has to verify, whatever the environment allows
        verifier.verify(raw, signature.body, where, signer_of(raw))
    except NotAuthentic:
        if not any(signed_again(app, environment, artifact_id, raw, key) for key in verifier.public_keys()):
            raise
    return True


def signed_again(app: App, environment: str, artifact_id: ArtifactId, raw: bytes, key: str) -> bool:
    """Tell whether `resign` signed a stored manifest with that key.

    Raises NotAuthentic if its signature is another's.
    """
    place = layout.artifact(app.settings.app, environment, artifact_id, layout.signature_by(key))
    signature = app.store.get(place)
    if signature:
        app.keys(environment).verifier.verify(raw, signature.body, app.store.url(place), key)
    return signature is not None


def _check_allowed(app: App, environment: str, where: str) -> None:
    """Require that the settings allow artifacts without a signature.

    Nothing in the bucket can allow it. Raises NotAuthentic.
    """
    if not app.settings.environment(environment).allow_unsigned:
        raise NotAuthentic(
            f"{where} has no signature ({layout.SIGNATURE}), and {environment} accepts no unsigned artifacts.",
            remedy=AGAIN,
        )


def _check_names(app: App, manifest: Manifest, environment: str, artifact_id: ArtifactId, where: str) -> None:
    """Require that a manifest was signed for this very place.

    It proves nothing in another.
    """
    asked = (app.settings.app, environment, artifact_id)
    named = (manifest.app, manifest.environment, manifest.artifact_id)
    if named != asked:
        raise NotAuthentic(f"{where} is the manifest of {'/'.join(named)}, not of {'/'.join(asked)}.", remedy=AGAIN)
    if manifest.bundle.key != layout.artifact(*asked, layout.BUNDLE):
        raise NotAuthentic(f"{where} names a bundle elsewhere: {manifest.bundle.key}.", remedy=AGAIN)


def _check_bundle(app: App, manifest: Manifest, head: Object) -> None:
    """Compare the stored bundle with the manifest.

    Size, SHA-256 as S3 computed it, and the commit in its metadata. Raises NotAuthentic.
    """
    origin = Origin.read(head.metadata)
    actual = {"bytes": str(head.size), "sha256": head.sha256, "commit": origin.commit_sha if origin else ""}
    named = {"bytes": str(manifest.bundle.size), "sha256": manifest.bundle.sha256, "commit": manifest.commit}
    differing = [name for name in named if actual[name] != named[name]]
    if differing and not any(actual[name] for name in differing):
        raise _undescribed(app, manifest, differing)
    wrong = [f"{name} {actual[name] or 'unknown'}, not {named[name]}" for name in differing]
    if wrong:
        raise NotAuthentic(
            f"{app.store.url(head.key)} is not the bundle that its manifest names: {'; '.join(wrong)}.", remedy=AGAIN
        )


def _check_packages(app: App, environment: str, manifest: Manifest) -> None:
    """Compare the stored packages with the manifest.

    Raises ArtifactMissing, NotAuthentic.
    """
    for name, key, digest in manifest.objects:
        head = app.store.head(key)
        if head is None:
            raise ArtifactMissing(
                f"The {name} of {manifest.artifact_id} is gone: {app.store.url(key)} is not there.",
                remedy=f"Take another version. {offer(app, environment, ArtifactId(manifest.artifact_id))}",
            )
        if head.sha256 != digest:
            raise NotAuthentic(
                f"{app.store.url(key)} is not the {name.rpartition(' ')[0]} that its manifest names.", remedy=AGAIN
            )


def _undescribed(app: App, manifest: Manifest, missing: Sequence[str]) -> NotAuthentic:
    """Build the error of a bundle whose bytes S3 doesn't vouch for.

    Who put it back by hand can store it as `publish` does. Its checksum is compared then.
    """
    key = manifest.bundle.key
    origin = Origin(
        commit_sha=manifest.commit,
        branch=manifest.branch,
        build_time=manifest.build_time,
        workflow_run_id=manifest.ci_run,
        pr_number=manifest.pull_request,
        builder=manifest.builder,
        run_url=manifest.ci_url,
        image=written(manifest.every_image),
    )
    place = app.settings.account(manifest.environment)
    mend = aws_commands.store_again(place.bucket, key, origin.metadata(), place.where)
    return NotAuthentic(
        f"{app.store.url(key)} lacks its {' and '.join(missing)}: something other than tagship wrote it.",
        remedy=either(
            f"If you restored it by hand, store it again with its SHA-256, so that it can be verified: {mend}",
            f"Otherwise publish the commit under a new number: {commands.deploy_dev()}",
        ),
    )


def _missing(app: App, environment: str, artifact_id: ArtifactId) -> ArtifactMissing:
    """Build the error that says what is there instead."""
    state = "Nothing was changed."
    key = layout.artifact(app.settings.app, environment, artifact_id, layout.BUNDLE)
    if app.store.head(key):
        state = "Nothing was changed. Its bundle is stored without a manifest: `publish` did not finish."
        return ArtifactMissing(
            f"There is no artifact {artifact_id} in {environment} of {app.store.url('')}.",
            state=state,
            remedy=f"Finish publishing it: {commands.publish(artifact_id, environment)}",
        )
    older = [old for old in layout.legacy_bundles(app.settings.app, environment, artifact_id) if app.store.head(old)]
    if older:
        state = f"Nothing was changed. An unsigned bundle of an older layout is at {app.store.url(older[0])}."
    return ArtifactMissing(
        f"There is no artifact {artifact_id} in {environment} of {app.store.url('')}.",
        state=state,
        remedy=either(offer(app, environment, artifact_id), UNENDED if stored_ids(app, environment) else ""),
    )


def offer(app: App, environment: str, artifact_id: ArtifactId) -> str:
    """Offer what is stored, and the nearest that can be deployed."""
    ids = [artifact for artifact in stored_ids(app, environment) if artifact != artifact_id]
    if not ids:
        return f"Nothing is stored for {environment} yet. Ship a version: {commands.deploy_dev()}"
    near = [*difflib.get_close_matches(artifact_id, ids, SHOWN), *ids[:SHOWN]]
    history = app.ledger.deployments(environment)
    bad = marked_bad(history, app.ledger.marks(environment))
    runs = serving(history)
    others = (version for version in near if version not in {*bad, runs} and not is_older(version, runs))
    usable = (version for version in others if not altered(app, environment, ArtifactId(version)))
    whole = next(usable, "")
    take = f"Take one: {commands.deploy(whole, environment)}" if whole else f"Ship a version: {commands.deploy_dev()}"
    shown = [f"{version} (marked bad)" if version in bad else version for version in ids[:SHOWN]]
    return f"Stored versions: {', '.join(shown)}. {take}"


def stored_ids(app: App, environment: str) -> list[str]:
    """List the ids that have a folder in the bucket.

    Versions first, the highest before the others, then untagged builds.
    """
    prefix = layout.artifacts(app.settings.app, environment)
    names = [
        listed.key[len(prefix) :].rstrip("/") for listed in app.store.list(prefix, "/") if listed.key.endswith("/")
    ]
    versions = sorted((version for version in map(Version.maybe, names) if version), reverse=True)
    untagged = sorted((name for name in names if not Version.maybe(name)), key=lambda name: name[9:], reverse=True)
    return [*map(str, versions), *untagged]
