"""Signed bundles made by hand, apart from the product's own bundler: what a host is given, good or bad."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tagship.domain.manifest import BundleRef, Manifest, sha256
from tagship.settings import Settings, settings_of
from tagship.settings.ec2 import Ec2

ROOT = Path(__file__).parents[2]

COMMIT = "622d2103" * 5
BUILT = "2026-11-20T12:00:00Z"
Tamper = Callable[[tarfile.TarFile], None]


@cache
def release_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def settings(**environment: object) -> Settings:
    """Settings with one environment, dev, quick to judge; `environment` overrides its keys and those of its hosts."""
    health = {"attempts": 3, "cap": 1, "attempts_after_rollback": 3, "timeout": 1, **environment.pop("health", {})}  # type: ignore[dict-item]
    hosts = {"tags": {"Name": "hello"}, "command": ["python3", "examples/hello/app.py"], "drain": 2}
    hosts |= {key: environment.pop(key) for key in list(environment) if key in Ec2.model_fields}
    dev = {"ec2": hosts, "health": health, **environment}
    value = {
        "app": "hello",
        "aws": {"bucket": "hello-artifacts"},
        "signing": {"key": "k", "public_key": "p"},
        "environments": {"dev": dev},
    }
    return settings_of().model_validate_json(json.dumps(value))


def numbers(using: Settings) -> str:
    """The operational numbers of dev."""
    dev = using.environment("dev")
    hosts = dev.runs_on(Ec2)
    assert hosts
    return hosts.numbers(dev.health)


@dataclass
class Bundle:
    """An artifact's three objects; every part can be made wrong before it is written."""

    artifact: str
    manifest: bytes
    signature: bytes | None  # None: nobody signed it
    archive: bytes
    numbers: str = ""  # the operational ones of the settings that it was made by
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def manifest_sha256(self) -> str:
        return sha256(self.manifest)

    def put(self, bucket: Path) -> None:
        """Write the objects where the tests' `aws` copies from."""
        folder = bucket / "hello" / "dev" / self.artifact
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_bytes(self.manifest)
        (folder / "manifest.sig").unlink(missing_ok=True)
        if self.signature is not None:
            (folder / "manifest.sig").write_bytes(self.signature)
        (folder / "deploy-bundle.tar.gz").write_bytes(self.archive)


def contents(
    artifact: str, hello: Mapping[str, object], using: Settings, more: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Path -> bytes of what a bundle holds; `more` is beside it, or in place of it."""
    files = {"VERSION": f"{artifact}\n".encode(), **using.files()}
    for path in [ROOT / "deploy/ec2_deploy.sh", *sorted((ROOT / "deploy/host").glob("*.sh"))]:
        files[str(path.relative_to(ROOT))] = path.read_bytes()
    files["examples/hello/app.py"] = (ROOT / "examples/hello/app.py").read_bytes()
    files["examples/hello/hello.json"] = json.dumps({"healthy": True, "greeting": "hello", **hello}).encode()
    files.update(more)
    sums = "".join(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files))
    return {**files, "SHA256SUMS": sums.encode()}


def pack(files: Mapping[str, bytes], tamper: Tamper | None = None) -> bytes:
    """A tar.gz of regular files; `tamper` adds what should not be there."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files):
            add(tar, path, files[path])
        if tamper:
            tamper(tar)
    return gzip.compress(plain.getvalue(), 6, mtime=0)


def add(tar: tarfile.TarFile, path: str, body: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = "") -> None:
    info = tarfile.TarInfo(path)
    info.type, info.linkname, info.mode, info.size = kind, target, 0o755, len(body)
    tar.addfile(info, io.BytesIO(body))


def make(
    artifact: str,
    hello: Mapping[str, object] | None = None,
    *,
    using: Settings | None = None,
    more: Mapping[str, bytes] | None = None,
    tamper: Tamper | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    unpacked: int | None = None,
    **fields: str,
) -> Bundle:
    """A signed artifact of the hello app; `hello` goes into its hello.json, `fields` over the manifest's."""
    using = using or settings()
    files = contents(artifact, hello or {}, using, more or {})
    archive = pack(files, tamper)
    size = sum(map(len, files.values())) if unpacked is None else unpacked
    bundle = BundleRef("deploy-bundle.tar.gz", sha256(archive), len(archive), sha256(files["SHA256SUMS"]), size)
    names = {path: sha256(files[path]) for path in files}
    known = {"app": "hello", "environment": "dev", "artifact_id": artifact, "build_time": BUILT, **fields}
    manifest = Manifest(
        version=artifact,
        commit=COMMIT,
        branch="dev",
        tag=artifact,
        builder="tests",
        bundle=bundle,
        files=names,
        **known,
    ).to_json()
    signature = (key or release_key()).sign(manifest, ec.ECDSA(hashes.SHA256()))
    return Bundle(artifact, manifest, signature, archive, numbers(using), files)
