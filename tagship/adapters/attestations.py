"""Sigstore bundles, by the library sigstore and a trusted root that is a file: nothing is asked of anybody.

Without a file of the team's, the root is the one of Sigstore's public instance that the library carries: it is pinned
with the library, by its hash. A file has one root, or several, a line each, as `gh attestation trusted-root` has them.

Attestations of private repositories come from an instance of GitHub's own: a timestamp authority in place of the log,
and certificates that no certificate log promised. sigstore 4.5 takes neither, whatever the root says: a bundle has
exactly one log entry (models.Bundle), and a certificate has a promise (verify_sct). So they are refused, and a root
without logs is not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tagship.domain.github_attestation import ISSUER, Attester, Bundle, digests_of
from tagship.domain.text import visible
from tagship.errors import NotAuthentic, Refused, SettingsError, TagshipError

if TYPE_CHECKING:
    from sigstore.verify import Verifier

LIBRARY = 'pip install "tagship[attestations]"'
WRITE = "gh attestation trusted-root"
PUBLIC = "https://tuf-repo-cdn.sigstore.dev"
ANOTHER = "Don't deploy it. Take a version that the environment's workflow attested"
NAMES = "2.5.29.17"  # the extension of a certificate's subjectAltName
REF = "1.3.6.1.4.1.57264.1.6"  # that of the run's ref: https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
LONGEST = 300  # characters of the library's words


@dataclass(frozen=True)
class SigstoreAttestations:
    """Verifies by a trusted root.

    Without a file, by that of Sigstore's public instance.
    """

    root: Path | None = None

    def digests(self, bundle: Bundle, builder: Attester) -> set[str]:
        with _library(), _believed():
            from sigstore.models import Bundle as Sealed
            from sigstore.verify import policy

            of_builder: list[policy.VerificationPolicy] = [
                policy.OIDCIssuer(ISSUER),
                policy.OIDCIssuerV2(ISSUER),
                policy.GitHubWorkflowRepository(builder.repository),
                _Workflow(builder.identities),
                _Run(builder.refs),
            ]
            sealed = Sealed.from_json(json.dumps(bundle))
            return digests_of(*self._verifier.verify_dsse(sealed, policy.AllOf(of_builder)))

    @cached_property
    def _verifier(self) -> Verifier:
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier

        if self.root is None:
            carried = files("sigstore._store").joinpath(quote(PUBLIC, safe=""), "trusted_root.json")
            with as_file(carried) as path:
                return Verifier(trusted_root=TrustedRoot.from_file(str(path)))
        with TemporaryDirectory() as folder:
            file = Path(folder) / "root.json"
            file.write_text(self._chosen_root(), "utf-8")
            try:
                return Verifier(trusted_root=TrustedRoot.from_file(str(file)))
            except ValueError as reason:
                raise self._unreadable("can't be read as a trusted root of Sigstore's") from reason

    def _chosen_root(self) -> str:
        """Choose the root of the file that has logs. Raises SettingsError."""
        try:
            roots = roots_of(self.root.read_text("utf-8") if self.root else "")
        except (OSError, ValueError) as reason:
            raise self._unreadable("can't be read as a trusted root of Sigstore's") from reason
        logged = [root for root in roots if root.get("tlogs") and root.get("ctlogs")]
        if not logged:
            raise self._unreadable("has no root with public logs: the library believes nothing without them")
        return json.dumps(logged[0])

    def _unreadable(self, words: str) -> SettingsError:
        name = self.root.name if self.root else ""
        return SettingsError(f"ci.trusted_root is {name!r}, which {words}.", remedy=f"Write it: {WRITE} >{name}")


def roots_of(text: str) -> list[dict[str, Any]]:
    """Read a file of roots: one, or one a line. Raises ValueError."""
    try:
        roots = [json.loads(text)]
    except ValueError:
        roots = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not roots or not all(isinstance(root, dict) for root in roots):
        raise ValueError("not an object a line")
    return roots


@dataclass(frozen=True)
class _Workflow:
    """The library's policy for a certificate of one of some workflows."""

    identities: Sequence[str]

    def verify(self, cert: Any) -> None:
        from sigstore.errors import VerificationError

        names: list[Any] = [entry.value for entry in cert.extensions if entry.oid.dotted_string == NAMES]
        uris = [str(name.value) for among in names for name in among]
        if not any(fnmatchcase(uri, pattern) for uri in uris for pattern in self.identities):
            raise VerificationError(f"its workflow is {', '.join(uris) or 'none'}, not {' or '.join(self.identities)}")


@dataclass(frozen=True)
class _Run:
    """The library's policy for a certificate of a run of some refs."""

    refs: Sequence[str]

    def verify(self, cert: Any) -> None:
        from sigstore.errors import VerificationError

        raw: list[bytes] = [entry.value.value for entry in cert.extensions if entry.oid.dotted_string == REF]
        refs = [value.decode() for value in raw]
        if len(refs) != 1 or not any(fnmatchcase(refs[0], pattern) for pattern in self.refs):
            raise VerificationError(f"its run is of {', '.join(refs) or 'no ref'}, not {' or '.join(self.refs)}")


@contextmanager
def _library() -> Iterator[None]:
    """Refuse if the library is not installed."""
    try:
        yield
    except ImportError as reason:
        raise Refused(
            "The library that verifies GitHub's attestations (sigstore) is not installed here.", remedy=LIBRARY
        ) from reason


@contextmanager
def _believed() -> Iterator[None]:
    """Turn each of the library's refusals into ours."""
    try:
        yield
    except (TagshipError, ImportError):
        raise
    except Exception as reason:  # whatever the library, or what it is made of, finds wrong with a stranger's bytes
        words = visible(str(reason)).replace("\n", " ").strip()[:LONGEST].rstrip(".")
        raise NotAuthentic(f"An attestation is not to be believed: {words}.", remedy=ANOTHER) from reason
