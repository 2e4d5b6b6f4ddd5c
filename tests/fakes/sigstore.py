"""A Sigstore instance of the tests' own: a certificate authority, a log of certificates and a log of signatures.

It makes the bundles that GitHub's attestations are, wholly offline, and a trusted root that believes it. Nothing of it
is believed by the root that the library has: a test says so. What it cannot show is how GitHub's own bundles differ
from the specification (https://github.com/sigstore/protobuf-specs).
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Key = ec.EllipticCurvePrivateKey
ISSUER = "https://token.actions.githubusercontent.com"
WORKFLOW = "acme/hello/.github/workflows/deploy-dev.yml@refs/tags/0.1.0-dev"
SLSA = "https://slsa.dev/provenance/v1"
PAYLOAD = "application/vnd.in-toto+json"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FULCIO = "1.3.6.1.4.1.57264.1"
SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def new() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def der(key: Key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Key) -> bytes:
    return hashlib.sha256(der(key)).digest()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def sign(key: Key, raw: bytes) -> bytes:
    return key.sign(raw, ec.ECDSA(hashes.SHA256()))


def utf8(text: str) -> bytes:
    """A DER UTF8String of fewer than 128 bytes, or of up to 255."""
    raw = text.encode()
    size = bytes([len(raw)]) if len(raw) < 128 else bytes([0x81, len(raw)])
    return b"\x0c" + size + raw


def statement(digests: Mapping[str, str], kind: str = SLSA) -> bytes:
    """What GitHub's action attests: subjects by their SHA-256."""
    subjects = [{"name": name, "digest": {"sha256": digest}} for name, digest in digests.items()]
    value = {"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": kind, "predicate": {}}
    return json.dumps(value).encode()


@dataclass
class Sigstore:
    """One instance; `root` and `trusted` are what a verifier is given."""

    authority: Key = field(default_factory=new)
    certificates: Key = field(default_factory=new)  # the log of certificates
    signatures: Key = field(default_factory=new)  # the log of signatures

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self.root = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.authority.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=365))
            .not_valid_after(NOW + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_usage(sign=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.authority.public_key()), critical=False)
            .sign(self.authority, hashes.SHA256())
        )

    def trusted(self, path: Path) -> Path:
        """Write this instance's trusted root."""
        since = {"start": "2020-01-01T00:00:00Z"}

        def log(key: Key, url: str) -> dict[str, Any]:
            public = {"rawBytes": b64(der(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": since}
            return {
                "baseUrl": url,
                "hashAlgorithm": "SHA2_256",
                "publicKey": public,
                "logId": {"keyId": b64(key_id(key))},
            }

        chain = {"certificates": [{"rawBytes": b64(self.root.public_bytes(serialization.Encoding.DER))}]}
        authority = {
            "subject": {"organization": "t", "commonName": "t"},
            "uri": "https://ca.invalid",
            "certChain": chain,
        }
        value = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.signatures, "https://log.invalid")],
            "certificateAuthorities": [{**authority, "validFor": since}],
            "ctlogs": [log(self.certificates, "https://ct.invalid")],
            "timestampAuthorities": [],
        }
        path.write_text(json.dumps(value), "utf-8")
        return path

    def bundle(
        self,
        payload: bytes,
        *,
        workflow: str = WORKFLOW,
        issuer: str = ISSUER,
        repository: str = "acme/hello",
        signed: datetime = NOW,
        made: datetime = NOW,
        payload_type: str = PAYLOAD,
        ref: str = "",
    ) -> dict[str, Any]:
        """Make a bundle; `made` is when its certificate began, which is good for ten minutes.

        `ref` is the run's, if it is not its workflow's: of a run that calls a workflow of another ref.
        """
        key, ref = new(), ref or workflow.partition("@")[2]
        facts = {"1": issuer.encode(), "5": repository.encode(), "6": ref.encode(), "8": utf8(issuer)}
        certificate = self._certificate(key, f"https://github.com/{workflow}", facts, made)
        pae = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)
        signature = sign(key, pae)
        entry = self._entry(certificate, payload, signature, signed)
        material = {
            "certificate": {"rawBytes": b64(certificate.public_bytes(serialization.Encoding.DER))},
            "tlogEntries": [entry],
            "timestampVerificationData": {"rfc3161Timestamps": []},
        }
        envelope = {"payload": b64(payload), "payloadType": payload_type, "signatures": [{"sig": b64(signature)}]}
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "dsseEnvelope": envelope,
        }

    def _certificate(self, key: Key, san: str, facts: Mapping[str, bytes], made: datetime) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(made)
            .not_valid_after(made + timedelta(minutes=10))
            .add_extension(_usage(sign=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(san)]), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()), critical=False
            )
        )
        for number, value in facts.items():
            extension = x509.UnrecognizedExtension(ObjectIdentifier(f"{FULCIO}.{number}"), value)
            builder = builder.add_extension(extension, critical=False)
        logged = builder.sign(self.authority, hashes.SHA256())  # what the log of certificates sees of it
        scts = x509.UnrecognizedExtension(SCTS, self._sct(logged.tbs_certificate_bytes, made))
        return builder.add_extension(scts, critical=False).sign(self.authority, hashes.SHA256())

    def _sct(self, tbs: bytes, made: datetime) -> bytes:
        """A list of one SCT of RFC 6962, in an OCTET STRING."""
        at = int(made.timestamp() * 1000)
        entry = key_id(self.authority) + len(tbs).to_bytes(3, "big") + tbs
        signed = struct.pack("!BBQH", 0, 0, at, 1) + entry + struct.pack("!H", 0)
        signature = sign(self.certificates, signed)
        sct = struct.pack("!B32sQH", 0, key_id(self.certificates), at, 0)
        sct += struct.pack("!BBH", 4, 3, len(signature)) + signature  # SHA-256, ECDSA
        listed = struct.pack("!HH", len(sct) + 2, len(sct)) + sct
        return b"\x04" + (bytes([len(listed)]) if len(listed) < 128 else bytes([0x81, len(listed)])) + listed

    def _entry(
        self, certificate: x509.Certificate, payload: bytes, signature: bytes, signed: datetime
    ) -> dict[str, Any]:
        verifier = b64(certificate.public_bytes(serialization.Encoding.PEM))
        digest = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
        spec = {
            "envelopeHash": digest,
            "payloadHash": digest,
            "signatures": [{"signature": b64(signature), "verifier": verifier}],
        }
        body = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}).encode()
        root, identity = hashlib.sha256(b"\0" + body).digest(), key_id(self.signatures)
        note = f"log.invalid - 1\n1\n{b64(root)}\n"
        checkpoint = f"{note}\n— log.invalid {b64(identity[:4] + sign(self.signatures, note.encode()))}\n"
        at = int(signed.timestamp())
        promised = json.dumps(
            {"body": b64(body), "integratedTime": at, "logID": identity.hex(), "logIndex": 0}, separators=(",", ":")
        )
        proof = {
            "logIndex": "0",
            "rootHash": b64(root),
            "treeSize": "1",
            "hashes": [],
            "checkpoint": {"envelope": checkpoint},
        }
        return {
            "logIndex": "0",
            "logId": {"keyId": b64(identity)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(at),
            "inclusionPromise": {"signedEntryTimestamp": b64(sign(self.signatures, promised.encode()))},
            "inclusionProof": proof,
            "canonicalizedBody": b64(body),
        }


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        key_cert_sign=not sign,
        crl_sign=not sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
