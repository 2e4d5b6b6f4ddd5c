"""Who verifies what a forge attests."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Protocol

from tagship.domain.github_attestation import Attester, Bundle


class Attestations(Protocol):
    """Sigstore bundles, verified without the network."""

    def digests(self, bundle: Bundle, builder: Attester) -> AbstractSet[str]:
        """Return what a bundle attests, as `sha256:…`.

        Raises NotAuthentic, with the reason, if it is no SLSA provenance by that builder that a trusted certificate
        signed while it was valid. Raises Refused without the library for it.
        """
