"""Registries that answer as real ones do: Debian's docker-registry behind a token server, and one with faults on order.

The token server signs as https://distribution.github.io/distribution/spec/auth/jwt/ wants it. The other registry keeps
everything in memory, and follows the distribution specification as far as a client of images goes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

USER, PASSWORD, IDENTITY = "ada", "s3cret", "identity-of-ada"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{token: {{realm: "{realm}", service: "{service}", issuer: tests, rootcertbundle: {folder}/ca.crt}}}}
"""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of loopback: host:port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


# -- tokens ------------------------------------------------------------------------------------------------------------


@dataclass
class TokenServer:
    """Gives ada what she asks for, and nobody else anything. `asked` has the scopes of each request."""

    folder: Path
    lifetime: int = 300  # seconds
    asked: list[list[str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)  # the credentials

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        (self.folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self._x5c = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()

    @property
    def handler(self) -> type[BaseHTTPRequestHandler]:
        tokens = self

        class Realm(Quiet):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                self._give(query, self.headers.get("Authorization", ""), self.headers.get("Authorization") == BASIC)

            def do_POST(self) -> None:
                form = parse_qs(self.body().decode())
                form["scope"] = form.get("scope", [""])[0].split()
                token = form.get("refresh_token", [""])[0]
                self._give(form, token, token == IDENTITY)

            def _give(self, given: Mapping[str, list[str]], shown: str, known: bool) -> None:
                tokens.asked.append(sorted(given.get("scope", [])))
                tokens.shown.append(shown)
                if not known:
                    return self.answer(401)
                value = {"token": tokens.signed(given), "expires_in": tokens.lifetime}
                return self.answer(200, json.dumps(value).encode(), Content_Type="application/json")

        return Realm

    def signed(self, given: Mapping[str, list[str]]) -> str:
        now = int(time.time())
        scopes = [scope.split(":") for scope in given.get("scope", [])]
        claims = {
            "iss": "tests",
            "sub": USER,
            "aud": given["service"][0],
            "nbf": now - 60,
            "iat": now,
            "exp": now + self.lifetime,
            "jti": uuid.uuid4().hex,
            "access": [{"type": kind, "name": name, "actions": verbs.split(",")} for kind, name, verbs in scopes],
        }
        head = {"typ": "JWT", "alg": "ES256", "x5c": [self._x5c]}
        text = ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
        r, s = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# -- Debian's ----------------------------------------------------------------------------------------------------------


@contextmanager
def debian(folder: Path, realm: str) -> Iterator[str]:
    """Run docker-registry with that realm; the token server's certificate is in the folder."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / f"config-{port}.yml"
    home = folder / str(port)
    home.mkdir()
    shutil.copy(folder / "ca.crt", home / "ca.crt")
    config.write_text(CONFIG.format(folder=home, port=port, realm=f"http://{realm}/token", service=f"on-{port}"))
    with (
        (folder / f"log-{port}").open("w") as log,
        subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log) as process,
    ):
        try:
            _wait(port, process, Path(log.name))
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/"):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"docker-registry does not answer: {log.read_text()}")


# -- one with faults ---------------------------------------------------------------------------------------------------


@dataclass
class Memory:
    """A registry in memory. `faults` answer before it does: each gets the request, and returns whether it answered."""

    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)  # by repository and digest
    manifests: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)  # by repository and reference
    mounts: bool = True
    realm: str = ""  # of a token server; empty: Basic, as ECR's
    faults: list[Callable[[Any], bool]] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Authorization
    uploads: dict[str, bytes] = field(default_factory=dict)

    def count(self, method: str, part: str) -> int:
        return sum(1 for asked, path, _ in self.asked if asked == method and part in path)

    @property
    def handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Api(Quiet):
            def _any(self) -> None:
                shown = self.headers.get("Authorization", "")
                registry.asked.append((self.command, self.path, shown))
                if any(fault(self) for fault in registry.faults):
                    return
                registry.serve(self, shown)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _any  # noqa: N815

        return Api

    def serve(self, request: Any, shown: str) -> None:
        if not (shown.startswith("Bearer ") if self.realm else shown == BASIC):
            bearer = f'Bearer realm="http://{self.realm}/token",service="memory",scope="repository:x:pull"'
            request.body()
            return request.answer(401, WWW_Authenticate=bearer if self.realm else 'Basic realm="memory"')
        path = urlsplit(request.path)
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs|blobs/uploads)/([^/]*)", path.path)
        assert match, request.path
        name, kind, reference = match.groups()
        serve = {"manifests": self._manifest, "blobs": self._blob, "blobs/uploads": self._upload}[kind]
        return serve(request, name, reference, {key: values[0] for key, values in parse_qs(path.query).items()})

    def _manifest(self, request: Any, name: str, reference: str, _query: object) -> None:
        if request.command == "PUT":
            body = request.body()
            digest = digest_of(body)
            kept = (body, request.headers["Content-Type"])
            missing = [blob for blob in blobs_of(body) if (name, blob) not in self.blobs]
            missing += [child for child in children_of(body) if (name, child) not in self.manifests]
            if missing:
                return request.answer(400, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown"}]}')
            self.manifests[name, reference] = self.manifests[name, digest] = kept
            return request.answer(201, Docker_Content_Digest=digest)
        body, kind = self.manifests.get((name, reference), (b"", ""))
        if not body:
            return request.answer(404)
        return request.answer(200, body, Content_Type=kind, Docker_Content_Digest=digest_of(body))

    def _blob(self, request: Any, name: str, digest: str, _query: object) -> None:
        body = self.blobs.get((name, digest))
        return request.answer(404) if body is None else request.answer(200, body)

    def _upload(self, request: Any, name: str, session: str, query: Mapping[str, str]) -> None:
        if request.command == "POST":
            request.body()
            source = (query.get("from", ""), query.get("mount", ""))
            if self.mounts and source in self.blobs:
                self.blobs[name, source[1]] = self.blobs[source]
                return request.answer(201)
            session = uuid.uuid4().hex
            self.uploads[session] = b""
            return request.answer(202, Location=f"/v2/{name}/blobs/uploads/{session}?state=1")
        self.uploads[session] += request.body()
        if request.command == "PATCH":
            return request.answer(202, Location=f"/v2/{name}/blobs/uploads/{session}?state=2")
        body = self.uploads.pop(session)
        if digest_of(body) != query["digest"]:
            return request.answer(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}')
        self.blobs[name, query["digest"]] = body
        return request.answer(201)

    # -- what is in it -------------------------------------------------------------------------------------------------

    def hold(self, name: str, tag: str, image: Layout) -> None:
        for digest, blob in image.blobs.items():
            self.blobs[name, digest] = blob
        for digest, (body, kind) in image.manifests.items():
            self.manifests[name, digest] = (body, kind)
        self.manifests[name, tag] = image.manifests[image.digest]


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def blobs_of(body: bytes) -> list[str]:
    value = json.loads(body)
    return [part["digest"] for part in [*([value["config"]] if "config" in value else []), *value.get("layers", [])]]


def children_of(body: bytes) -> list[str]:
    return [child["digest"] for child in json.loads(body).get("manifests", [])]


# -- images ------------------------------------------------------------------------------------------------------------

OCI = "application/vnd.oci.image"


@dataclass
class Layout:
    """An image, or an index of several, by its bytes; `digest` is the top's."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    digest: str = ""

    def _blob(self, body: bytes, kind: str) -> dict[str, object]:
        self.blobs[digest_of(body)] = body
        return {"mediaType": kind, "digest": digest_of(body), "size": len(body)}

    def image(self, architecture: str, layers: list[bytes], *, said: bool = True) -> dict[str, object]:
        """Add an image; without `said` its manifest doesn't name its own media type, as OCI allows."""
        config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
        manifest: dict[str, object] = {
            "schemaVersion": 2,
            "config": self._blob(json.dumps(config).encode(), f"{OCI}.config.v1+json"),
            "layers": [self._blob(layer, f"{OCI}.layer.v1.tar+gzip") for layer in layers],
        }
        return self._keep(manifest | ({"mediaType": f"{OCI}.manifest.v1+json"} if said else {}), "manifest")

    def index(self, images: list[dict[str, object]]) -> None:
        self._keep({"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": images}, "index")

    def _keep(self, value: object, kind: str) -> dict[str, object]:
        body = json.dumps(value, indent=3).encode() + b"\n"  # not as anybody would write it again
        self.digest = digest_of(body)
        self.manifests[self.digest] = (body, f"{OCI}.{kind}.v1+json")
        return {"mediaType": f"{OCI}.{kind}.v1+json", "digest": self.digest, "size": len(body)}

    def write(self, folder: Path) -> str:
        """Write it as skopeo reads it: oci:<folder>."""
        blobs = folder / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for digest, body in [*self.blobs.items(), *((key, body) for key, (body, _) in self.manifests.items())]:
            (blobs / digest.partition(":")[2]).write_bytes(body)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        body, kind = self.manifests[self.digest]
        top = {"mediaType": kind, "digest": self.digest, "size": len(body)}
        (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
        return f"oci:{folder}"


def an_image(*layers: bytes, said: bool = True) -> Layout:
    layout = Layout()
    layout.image("amd64", list(layers) or [b"layer of an image"], said=said)
    return layout


def an_index() -> Layout:
    """Two platforms, and the attestation of one as buildx makes it."""
    layout = Layout()
    amd = layout.image("amd64", [b"shared" * 1000, b"for amd64" * 50_000])
    arm = layout.image("arm64", [b"shared" * 1000, b"for arm64"])
    said = layout.image("unknown", [b'{"predicate": {}}'])
    amd |= {"platform": {"os": "linux", "architecture": "amd64"}}
    arm |= {"platform": {"os": "linux", "architecture": "arm64"}}
    notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd["digest"]}
    said |= {"platform": {"os": "unknown", "architecture": "unknown"}, "annotations": notes}
    layout.index([amd, arm, said])
    return layout
