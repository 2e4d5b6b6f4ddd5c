"""A stand-in for openssl on a host that has none: `openssl dgst -sha256 -verify KEY -signature FILE FILE`."""

import sys
from pathlib import Path


def verified(key: str, signature: str, file: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    public = load_pem_public_key(Path(key).read_bytes())
    if not isinstance(public, EllipticCurvePublicKey):
        raise ValueError("not an elliptic curve's key")
    try:
        public.verify(Path(signature).read_bytes(), Path(file).read_bytes(), ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def main(words: "list[str]") -> int:
    match words:
        case ["dgst", "-sha256", "-verify", key, "-signature", signature, file]:
            pass
        case _:
            print(
                "openssl: the sandbox's stand-in knows dgst -sha256 -verify KEY -signature FILE FILE", file=sys.stderr
            )
            return 1
    try:
        good = verified(key, signature, file)
    except (OSError, ValueError) as reason:
        print(f"openssl: {reason}", file=sys.stderr)
        return 1
    print("Verified OK" if good else "Verification failure")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
