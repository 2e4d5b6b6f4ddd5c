"""What one job hands to the next: the files of a build, known by one digest that travels another way than they do."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tagship.domain import commands
from tagship.domain.version import ArtifactId
from tagship.errors import NotAuthentic


def digest_of(folder: Path) -> str:
    """Digest the records of a build: every *.json, by name.

    Each names the bytes beside it by SHA-256, and `publish` compares those.
    """
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.json")):
        whole.update(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n".encode())
    return whole.hexdigest()


def check(folder: Path, artifact_id: ArtifactId, expected: str) -> None:
    """Require what another job handed over. Raises NotAuthentic."""
    actual = digest_of(folder)
    if actual != expected:
        raise NotAuthentic(
            f"The build of {artifact_id} has sha256 {actual} here; the job that built it says {expected}.",
            state="Nothing was signed or stored.",
            remedy=f"Build it again in a new run, under the next number: {commands.deploy_dev()}",
        )
