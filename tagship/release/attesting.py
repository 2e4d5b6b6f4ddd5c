"""Attestations of an artifact: written once beside its manifest, which names each by its SHA-256."""

from __future__ import annotations

from collections.abc import Callable

from tagship.domain import commands, layout
from tagship.domain.attestation import opened, sealed, to_sign
from tagship.domain.manifest import sha256
from tagship.domain.provenance import Provenance
from tagship.errors import NotAuthentic, Refused, SettingsError
from tagship.ports.account import Keys
from tagship.ports.app import App
from tagship.ports.bucket import Conflict
from tagship.release.built import Work


def attested_provenance(app: App, work: Work, build_time: str) -> str:
    """Create an artifact's provenance, or go on from the one there.

    Returns its SHA-256. Raises Refused if that one is of something else, NotAuthentic if it is not signed by the
    release key.
    """
    subjects = work.subjects(app)
    facts = (work.built.commit, work.place(app), app.ci.workflow)
    made = Provenance(subjects, *facts, app.run_url, build_time, work.taken(app))
    return attested(
        app,
        work,
        layout.PROVENANCE,
        made.statement(),
        lambda raw, where: Provenance.read(raw, where).vouches(subjects, *facts),
    )


def attested(app: App, work: Work, name: str, statement: bytes, same: Callable[[bytes, str], bool]) -> str:
    """Sign a statement and create its object.

    Returns the SHA-256 of what is stored. Signatures differ each time, so one that is there is kept if it verifies and
    says the `same`.
    """
    key, keys = work.key(app, name), app.keys(work.environment)
    signature = keys.signer.sign(to_sign(statement))
    envelope = sealed(statement, signature, keys.id)
    check_pair(keys, to_sign(statement), signature)
    try:
        app.store.create(key, envelope)
        return sha256(envelope)
    except Conflict:
        existing = verified_statement(app, work, name)
    if existing is None or not same(existing[0], key):
        raise Refused(
            f"{key} exists already, and describes another build.",
            state="The objects stored under that id are unchanged, but not an artifact: there is no manifest.",
            remedy=f"Ship under the next number: {commands.deploy_dev()}",
        )
    return existing[1]


def check_pair(keys: Keys, raw: bytes, signature: bytes) -> None:
    """Before anything is put: what we sign is what hosts will verify."""
    try:
        keys.verifier.verify(raw, signature, "what was just signed", keys.id)
    except NotAuthentic as reason:
        raise SettingsError(
            "signing.key and signing.public_key are not a pair: hosts would refuse every release.",
            state="Nothing that was signed is stored; a bundle without a manifest is not an artifact.",
            remedy="Put the public half first in that file: openssl ec -in <key> -pubout",
        ) from reason


def verified_statement(app: App, work: Work, name: str) -> tuple[bytes, str] | None:
    """Read a stored statement, and its envelope's SHA-256.

    None without one. Raises NotAuthentic if the release key has not signed it.
    """
    key = work.key(app, name)
    stored = app.store.get(key)
    if stored is None:
        return None
    statement, signature, signer = opened(stored.body, key)
    app.keys(work.environment).verifier.verify(to_sign(statement), signature, key, signer)
    return statement, sha256(stored.body)
