"""GitHub's attestations of what its runs built: Sigstore bundles of SLSA provenance, kept beside a manifest.

https://docs.github.com/actions/concepts/security/artifact-attestations. The manifest does not name them: each is
believed for its own signature, certificate and log entry, and for the digests that it names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.domain.attestation import PAYLOAD, STATEMENT
from tagship.domain.provenance import PREDICATE
from tagship.errors import NotAuthentic

ISSUER = "https://token.actions.githubusercontent.com"
REQUIRED = "github"  # of require_attestation
SCHEMA = 1
UNKNOWN = "it is not an in-toto statement of version 1"
MOST = 100  # bundles that are looked at
AGAIN = "Don't deploy it. See who wrote to the bucket, then take another version"

Bundle = Mapping[str, Any]


@dataclass(frozen=True)
class Attester:
    """Who has to have attested.

    A repository (owner/name) and workflow files with their refs, as GitHub's tokens have them: `*` in a tag stands for
    any characters. Without workflows, any of the repository's.
    """

    repository: str
    workflows: Sequence[str]

    @property
    def identities(self) -> list[str]:
        """List the certificates' names that count, as patterns."""
        place = f"https://github.com/{self.repository}/.github/workflows/"
        return [place + workflow for workflow in self.workflows or ["*"]]

    @property
    def refs(self) -> list[str]:
        """List the refs that a run may be of, as patterns.

        A workflow that can be called has its own ref in a certificate's name, whatever ref the run is of that calls it.
        """
        return [workflow.partition("@")[2] for workflow in self.workflows] or ["*"]

    def __str__(self) -> str:
        return f"{self.repository}/{' or '.join(self.workflows) or 'any workflow'}"


def written(bundles: Sequence[Bundle]) -> bytes:
    """Write bundles down, in bytes that don't vary."""
    return (json.dumps({"schema": SCHEMA, "bundles": list(bundles)}, sort_keys=True) + "\n").encode()


def read(raw: bytes, where: str) -> list[Bundle]:
    """Read bundles that were written down. Raises NotAuthentic."""
    try:
        value = json.loads(raw)
        bundles = value["bundles"]
        if value["schema"] != SCHEMA or not all(isinstance(bundle, dict) for bundle in bundles):
            raise ValueError("another schema")
        return list(bundles)[:MOST]
    except (ValueError, TypeError, KeyError) as reason:
        raise NotAuthentic(f"{where} has no attestations that can be read.", remedy=AGAIN) from reason


def digests_of(kind: str, payload: bytes) -> set[str]:
    """List what a verified statement of SLSA provenance is about: `sha256:…`.

    Raises ValueError for another kind of statement.
    """
    if kind != PAYLOAD:
        raise ValueError(f"it is a {kind}, and not an in-toto statement")
    statement = json.loads(payload)
    try:
        if statement["_type"] != STATEMENT:
            raise ValueError(UNKNOWN)
        if statement["predicateType"] != PREDICATE:
            raise ValueError(f"it says {statement['predicateType']}, and not {PREDICATE}")
        return {f"sha256:{subject['digest']['sha256']}" for subject in statement["subject"]}
    except (KeyError, TypeError) as reason:
        raise ValueError(UNKNOWN) from reason
