"""Attestations as they are stored: held against the manifest that names them, and against the settings.

A manifest names each by its SHA-256, and is signed itself: an attestation is believed for that, also after the key that
signed its envelope was replaced. The envelope's own signature is for programs that know no manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagship.domain import layout
from tagship.domain.attestation import SBOM, Statement, opened, place_of, subjects_of_manifest, taken_by_manifest
from tagship.domain.manifest import Manifest, sha256
from tagship.domain.provenance import Provenance
from tagship.engine.github_attested import check_github
from tagship.errors import NotAuthentic
from tagship.ports.app import App
from tagship.settings.trust import files, trusted

AGAIN = "Don't deploy it. See who wrote to the bucket, then take another version"


def check_named(app: App, manifest: Manifest) -> None:
    """Require every attestation that a manifest names. Raises NotAuthentic."""
    if manifest.provenance_sha256:
        provenance_of(app, manifest)
    if manifest.sbom_sha256:
        sbom_of(app, manifest)


def check_required(app: App, manifest: Manifest, environment: str = "") -> None:
    """Require provenance by the environment's workflow, if the settings do.

    Those are the settings of the manifest's environment, or of the one it is to go to. Raises NotAuthentic.
    """
    environment = environment or manifest.environment
    if not app.settings.environment(environment).require_attestation:
        return
    if not manifest.provenance_sha256:
        raise NotAuthentic(
            f"{manifest.artifact_id} has no provenance, and {environment} requires it (require_attestation).",
            remedy="Take a version that has",
        )
    _check_workflow(app, manifest, environment, provenance_of(app, manifest).file)


def require_all(app: App, manifest: Manifest, environment: str) -> str:
    """Require all attestations that an environment asks for; say which.

    Raises NotAuthentic.
    """
    check_named(app, manifest)
    check_required(app, manifest, environment)
    check_github(app, manifest, environment)
    required = app.settings.environment(environment).require_attestation
    return "by the workflow that is required" if required else "not required"


def provenance_of(app: App, manifest: Manifest) -> Provenance:
    """Read a manifest's provenance.

    Raises NotAuthentic if it is of something else.
    """
    where, statement = named_statement(app, manifest, layout.PROVENANCE, manifest.provenance_sha256)
    provenance = Provenance.read(statement, where)
    vouches = provenance.vouches(
        subjects_of_manifest(manifest), manifest.commit, place_of(manifest), provenance.workflow
    )
    if not vouches or not taken_by_manifest(manifest).items() <= provenance.taken.items():
        raise NotAuthentic(f"{where} is the provenance of another manifest.", remedy=AGAIN)
    return provenance


def sbom_of(app: App, manifest: Manifest) -> Mapping[str, Any]:
    """Read a manifest's SBOM, CycloneDX's JSON.

    Raises NotAuthentic if it is of something else.
    """
    where, raw = named_statement(app, manifest, layout.SBOM, manifest.sbom_sha256)
    statement = Statement.read(raw, where, SBOM)
    if statement.subjects != subjects_of_manifest(manifest):
        raise NotAuthentic(f"{where} is the SBOM of another manifest.", remedy=AGAIN)
    return statement.predicate


def named_statement(app: App, manifest: Manifest, name: str, digest: str) -> tuple[str, bytes]:
    """Read an attestation that a manifest names.

    Returns its address and its statement. Raises NotAuthentic if it is gone or another.
    """
    key = layout.artifact(manifest.app, manifest.environment, manifest.artifact_id, name)
    where, stored = app.store.url(key), app.store.get(key)
    if stored is None:
        raise NotAuthentic(f"{where} is missing; the manifest of {manifest.artifact_id} names it.", remedy=AGAIN)
    if sha256(stored.body) != digest:
        raise NotAuthentic(
            f"{where} is not the one that the manifest of {manifest.artifact_id} names: sha256 {sha256(stored.body)}, "
            f"not {digest}.",
            remedy=AGAIN,
        )
    return where, opened(stored.body, where)[0]


def _check_workflow(app: App, manifest: Manifest, environment: str, file: str) -> None:
    """Require a workflow file that ships to the environment.

    Of a promoted artifact it is the workflow of the environment that it was published for.
    """
    wanted = files(trusted(app.settings, manifest.published)["ship"])
    repository = app.settings.ci.repository
    owner, _, name = file.partition("/.github/workflows/")
    if (wanted and name not in wanted) or (repository and owner != repository) or not name:
        raise NotAuthentic(
            f"{manifest.artifact_id} was published by {file or 'no workflow'}, and {environment} requires "
            f"{'/'.join(filter(None, (repository, ' or '.join(wanted)))) or 'one'} (require_attestation).",
            remedy="Take a version that its workflow published",
        )
