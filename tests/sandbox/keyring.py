"""Keys by name, and a host that pins them as `inv pin` does: its lines, run by the shell of the host."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tagship.domain import layout
from tagship.domain.ec2.document import pin_commands
from tagship.domain.keys import key_id, pinned
from tests.sandbox.bundles import Bundle, make, public_pem
from tests.sandbox.machine import ENTRY, Machine


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(name: str) -> str:
    return public_pem(key(name)).decode()


def id_of(name: str) -> str:
    return key_id(pem(name))


def pin(
    host: Machine,
    release: Sequence[str],
    orders: Sequence[str] = ("orders",),
    revoked: Sequence[str] = (),
    environment: str = "dev",
    *,
    attested: bool = False,
) -> dict[str, Any]:
    """Pin keys by their names, and return the host's answer."""
    words = pinned(map(pem, release), map(pem, orders))
    lines = pin_commands("hello", environment, words, [id_of(name) for name in revoked], ENTRY, attested=attested)
    script = host.root / "_pin.sh"
    script.write_text("\n".join(lines) + "\n")
    done = subprocess.run(["sh", str(script)], env=host.environment({}), capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def signed(artifact: str, name: str, hello: Mapping[str, object] | None = None, **fields: str) -> Bundle:
    """An artifact that names the key that signed it."""
    return make(artifact, hello, key=key(name), **{"signed_by": id_of(name), **fields})


def resign(host: Machine, bundle: Bundle, name: str) -> None:
    """What `inv resign` puts beside an artifact."""
    place = host.bucket / layout.artifact("hello", "dev", bundle.artifact, layout.signature_by(id_of(name)))
    place.write_bytes(key(name).sign(bundle.manifest, ec.ECDSA(hashes.SHA256())))
