"""`publish`: store an artifact so that it exists wholly or not at all, and never changes.

Three objects, each created and none ever overwritten, in this order:

1. the bundle. Its metadata says where the artifact comes from, and from then on decides: the manifest is a function of
   the bundle's bytes, of that metadata, of the versions that the environment's secrets have, and of the key, so every
   publisher of the same bytes arrives at the same manifest for as long as neither a secret nor the key changes.
2. manifest.sig, a signature of those very bytes. ECDSA signatures of the same bytes differ, so one that is there
   already is kept if it verifies, whoever made it.
   Without a signing key in the settings there is none, and the environment has to allow that.
3. manifest.json: with it the artifact exists.

A crash between any two converges on the next run, and of two publishers at once it does not matter who puts what. (If
a secret changed between the signature and its manifest, that run is refused, and the next number is free.)
Other bytes under an id that is taken are refused (exit 3: what is stored is authentic, this run is not it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC

from tagship.domain import commands, layout
from tagship.domain.bundle import difference
from tagship.domain.layout import CONFIGURATION
from tagship.domain.manifest import BundleRef, ImageRef, Manifest, sha256
from tagship.domain.origin import Origin, written
from tagship.domain.secrets import SecretRef
from tagship.engine import handover
from tagship.engine.artifacts import folder, stored_manifest, verified
from tagship.engine.attested import check_named
from tagship.engine.github_attested import keep_early, name_images
from tagship.engine.scope import named
from tagship.engine.storing import said_to_be_stored
from tagship.errors import UNCHANGED, NotAuthentic, Refused, ServiceFailed, SettingsError
from tagship.ports.app import App
from tagship.ports.bucket import Conflict, Object
from tagship.release import packages, static_sets
from tagship.release.attesting import attested_provenance, check_pair
from tagship.release.built import Work, work_of
from tagship.release.images import moved_tags, shipped, version_tags
from tagship.release.manifests import put_manifest
from tagship.release.sbom import attested_sbom
from tagship.release.secrets import resolved
from tagship.release.unchanged import running
from tagship.release.unchanged_parts import recalled, settled


def publish(app: App, *, artifact: str = "", env: str = "", built: str = "", dry_run: bool = False) -> Manifest | None:
    """Store the built bundle, sign its manifest, and read both back.

    Publishing the same bytes again succeeds and changes nothing. Raises Refused for other bytes under the same id,
    NotAuthentic if another job `built` something else.
    """
    artifact_id, environment = named(app, artifact, env)
    if built:
        handover.check(folder(app, artifact_id), artifact_id, built)
    work = work_of(app, artifact_id, environment)
    signs = _signs(app, work.environment)
    where = app.store.url(work.key(app, ""))
    app.screen.say(f"publish {work.artifact_id} to {where}: {work.built.size:,} bytes, sha256 {work.built.sha256}")
    stored = stored_manifest(app, work.environment, work.artifact_id)
    if stored:
        work = recalled(replace(work, refs=_stored_refs(work, stored)), stored)
        _check_same(work, stored.bundle.sha256, stored.commit, written(stored.every_image), stored.files)
        _check_packages(work, stored)
        static_sets.check_stored(work, stored.static)
        app.screen.say(f"{work.artifact_id} is published already with the same bytes: nothing to do")
        return _read_back(app, work)
    secrets = resolved(app, work.environment)
    for variable, secret in secrets.items():
        app.screen.say(f"secret {variable}: {secret}")
    if dry_run:
        app.screen.say(UNCHANGED)
        return None
    with said_to_be_stored(app, work.environment, work.artifact_id):
        before = running(app, work.environment)
        work = replace(work, refs=shipped(app, work, before))
        work = settled(app, work, before)
        mine = _origin(app, work)
        if signs and work.refs:  # another run that builds anew knows by it whose image is under the tag
            attested_provenance(app, work, mine.build_time)
        origin = _put_bundle(app, work, mine)
        provenance = attested_provenance(app, work, origin.build_time) if signs else ""
        bill = attested_sbom(app, work, origin) if signs else ""
        manifest = replace(_manifest(app, work, origin, secrets), provenance_sha256=provenance, sbom_sha256=bill)
        stored_sets = static_sets.store(app, work, origin)
        manifest = replace(manifest, packages=packages.store(app, work, origin), static=stored_sets)
        if signs:
            _put_signature(app, work, manifest.to_json(), origin)
        version_tags(app, work)
        moved_tags(app, work)
        put_manifest(
            app,
            work.key(app, layout.MANIFEST),
            manifest.to_json(),
            origin.metadata(),
            f"Ship under the next number: {commands.deploy_dev()}",
        )
        published = _read_back(app, work)
    app.screen.say(f"published {work.artifact_id}: manifest sha256 {sha256(published.to_json())}")
    return published


def _read_back(app: App, work: Work) -> Manifest:
    """Verify all that is stored, the attestations that the manifest names too."""
    manifest = verified(app, work.environment, work.artifact_id, by_github=False).manifest
    check_named(app, manifest)
    name_images(app, manifest)
    keep_early(app, manifest)
    return manifest


# -- what there is to publish ------------------------------------------------------------------------------------------


def _signs(app: App, environment: str) -> bool:
    """Tell whether there is a key to sign with.

    Raises SettingsError if there is none and the environment takes no unsigned artifacts.
    """
    if app.settings.signing:
        return True
    if app.settings.environment(environment).allow_unsigned:
        return False
    raise SettingsError(
        f"There is no key to sign with, and {environment} accepts no unsigned artifacts.",
        remedy="Name key and public_key under [signing] in tagship.toml",
    )


def _check_same(work: Work, digest: str, commit: str, image: str, files: Mapping[str, str] | None = None) -> None:
    """Require that what is stored under that id is the same.

    Raises Refused if anything differs. Without a manifest no `files`.
    """
    mine = {"bundle": work.built.sha256, "commit": work.built.commit, "image": written(work.every_image)}
    stored = {"bundle": digest, "commit": commit, "image": image}
    differing = [part for part in mine if mine[part] != stored[part]]
    if not differing:
        return
    values = "; ".join(f"{part} {stored[part] or 'none'} there, {mine[part] or 'none'} here" for part in differing)
    raise Refused(
        f"{work.artifact_id} is taken in {work.environment}: {values}. {_how_the_bundles_compare(work, digest, files)}",
        state="The objects stored under that id are unchanged.",
        remedy=f"Ship under the next number: {commands.deploy_dev()}",
    )


def _check_packages(work: Work, stored: Manifest) -> None:
    """Require that the stored packages are the same. Raises Refused."""
    mine = {name: built.sha256 for name, built in work.packages.items()}
    differing = sorted(mine.items() ^ {name: package.sha256 for name, package in stored.packages.items()}.items())
    if differing:
        raise Refused(
            f"{work.artifact_id} is taken in {work.environment}: its package {differing[0][0]} has other bytes there.",
            state="The objects stored under that id are unchanged.",
            remedy=f"Ship under the next number: {commands.deploy_dev()}",
        )


def _how_the_bundles_compare(work: Work, digest: str, files: Mapping[str, str] | None) -> str:
    if digest == work.built.sha256:
        return "The bundles are the same, byte for byte."
    if files is None:
        return "No manifest says which files the stored bundle has."
    return difference(files, work.built.files, CONFIGURATION)


# -- the three objects -------------------------------------------------------------------------------------------------


def _put_bundle(app: App, work: Work, mine: Origin) -> Origin:
    """Create the bundle, or find it; return its metadata's origin."""
    key = work.key(app, layout.BUNDLE)
    try:
        app.store.create(key, work.file, mine.metadata())
    except Conflict:
        app.screen.say("the bundle is stored already; continuing from it")
    head = app.store.head(key)
    if head is None:
        again = commands.publish(work.artifact_id, work.environment)
        raise ServiceFailed(f"{key} was stored, but is not there.", remedy=f"Run the same command again: {again}")
    return _check_bundle(work, head)


def _check_bundle(work: Work, head: Object) -> Origin:
    """Compare the stored bundle's bytes, checksum and metadata with the file."""
    origin = Origin.read(head.metadata)
    if origin is None:
        raise NotAuthentic(
            f"The bundle of {work.artifact_id} is stored without tagship's metadata.",
            state="The objects stored under that id are unchanged, but not an artifact: there is no manifest.",
            remedy=f"Ship under the next number: {commands.deploy_dev()}",
        )
    _check_same(work, head.sha256, origin.commit_sha, origin.image)
    if head.size != work.built.size:
        raise NotAuthentic(
            f"The bundle of {work.artifact_id} has {head.size:,} bytes in the bucket, not {work.built.size:,}.",
            state="It has no manifest, so it is not an artifact.",
            remedy=f"Ship under the next number: {commands.deploy_dev()}",
        )
    return origin


def _put_signature(app: App, work: Work, raw: bytes, origin: Origin) -> None:
    """Create the signature; an existing one has to verify the manifest."""
    key, keys = work.key(app, layout.SIGNATURE), app.keys(work.environment)
    signature = keys.signer.sign(raw)
    check_pair(keys, raw, signature)
    try:
        app.store.create(key, signature, origin.metadata())
        return
    except Conflict:
        existing = app.store.get(key)
    try:
        where = f"manifest.json of {work.artifact_id} with the {key} that is there"
        keys.verifier.verify(raw, existing.body if existing else b"", where, keys.id)
    except NotAuthentic as reason:
        if b'"secrets": {}' in raw and len(keys.verifier.public_keys()) == 1:
            raise
        raise Refused(
            f"An earlier publish of {work.artifact_id} did not end, and a secret or the key has changed since.",
            state="The objects stored under that id are unchanged, but not an artifact: there is no manifest.",
            remedy=f"Ship under the next number: {commands.deploy_dev()}",
        ) from reason


def _origin(app: App, work: Work) -> Origin:
    """Say where the artifact comes from, if this run publishes first."""
    return Origin(
        commit_sha=work.built.commit,
        branch=app.settings.environment(work.environment).branch or app.ci.branch,
        build_time=_build_time(app, work),
        workflow_run_id=app.ci.run,
        pr_number=app.ci.pull_request,
        builder=app.who,
        run_url=app.run_url,
        image=written(work.every_image),
    )


def _build_time(app: App, work: Work) -> str:
    """Return when the first image was built, or now."""
    built = sorted(image.build_time for image in work.images.values())
    return built[0] if built else f"{app.store.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _stored_refs(work: Work, stored: Manifest) -> Mapping[str, ImageRef]:
    """Name what is stored as what was built is named."""
    images = stored.every_image
    return {name: images[name] for name in work.images if name in images}


def _manifest(app: App, work: Work, origin: Origin, secrets: Mapping[str, SecretRef]) -> Manifest:
    """Make the manifest, without time or anything of this run.

    It is a function of the bundle's bytes, its metadata, the secrets' versions and the key.
    """
    built, version = work.built, work.artifact_id.version
    return Manifest(
        app=app.settings.app,
        environment=work.environment,
        artifact_id=str(work.artifact_id),
        version=str(version or ""),
        commit=built.commit,
        branch=origin.branch,
        tag=app.settings.tag(version) if version else "",
        build_time=origin.build_time,
        builder=origin.builder,
        bundle=BundleRef(work.key(app, layout.BUNDLE), built.sha256, built.size, built.sums_sha256, built.unpacked),
        files=dict(built.files),
        image=work.image,
        images=work.named_images,
        ci_run=origin.workflow_run_id,
        ci_url=origin.run_url,
        pull_request=origin.pr_number,
        configuration_sha256=_configuration(app, work),
        secrets=secrets,
        signed_by=app.keys(work.environment).id if _signs(app, work.environment) else "",
        host_files=built.host_files,
        irreversible=app.settings.is_irreversible(work.environment),
        committed=built.committed,
    )


def _configuration(app: App, work: Work) -> str:
    """Digest what the bundle carries for the environment.

    Of several files, it is the digest of their digests.
    """
    digests = [work.built.files[path] for path in sorted(app.unfilled(work.environment).files())]
    return digests[0] if len(digests) == 1 else sha256("\n".join(digests).encode())
