"""A real registry under an ECR name: TLS, and the basic auth that ECR's `docker login` has (AWS:<password>)."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.host.ground import Ground, command, until

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
PASSWORD = "123456789012-auth-token"  # what moto's GetAuthorizationToken gives for this account

CONFIG = """\
version: 0.1
log: {{level: info, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: "{address}:443", tls: {{certificate: {folder}/ca.crt, key: {folder}/key.pem}}}}
auth: {{htpasswd: {{realm: ecr, path: {folder}/htpasswd}}}}
"""
MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
        "oci.image.manifest.v1",
        "oci.image.index.v1",
    )
)


@dataclass
class Registry:
    """Debian's docker-registry on an address of its own, so that it can have ECR's name and port."""

    ground: Ground
    address: str = ""
    folder: Path = field(init=False)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.address = self.address or self.ground.address()
        self.folder = self.ground.folder / "registry"
        self.folder.mkdir()
        command("ip", "address", "add", f"{self.address}/{self.ground.prefix}", "dev", self.ground.bridge)
        self._make_certificate()
        self.set_password(PASSWORD)
        config = CONFIG.format(folder=self.folder, address=self.address)
        (self.folder / "config.yml").write_text(config)

    @property
    def names(self) -> tuple[str, str]:
        """The hosts that images are named after: ECR's, and its address as any other registry's."""
        return HOST, self.address

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def _make_certificate(self) -> None:
        names = f"subjectAltName=DNS:{HOST},IP:{self.address}"
        key, out = ("-keyout", f"{self.folder}/key.pem"), ("-out", str(self.certificate))
        kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        command("openssl", "req", "-x509", *kind, "-subj", "/CN=registry", "-addext", names, *key, *out)

    def set_password(self, password: str) -> None:
        """The password of user AWS from now on; a running registry reads it at the next request."""
        (self.folder / "htpasswd").write_text(command("htpasswd", "-Bbn", "AWS", password) + "\n")

    def start(self) -> None:
        argv = ["docker-registry", "serve", str(self.folder / "config.yml")]
        self.process = self.ground.spawn("registry", argv, self.log)
        until(self._answers, 10, f"the registry answers; see {self.log}")

    def stop(self) -> None:
        self.ground.end("registry")
        if self.process:
            self.process.wait(10)

    def digest(self, repository: str, tag: str) -> str:
        """The digest that the registry itself gives a tag; empty where it has none."""
        answer = self._ask("HEAD", f"/v2/{repository}/manifests/{tag}")
        return answer.headers.get("Docker-Content-Digest", "") if answer.status == 200 else ""

    def config(self, repository: str, tag: str) -> dict[str, object]:
        """The image's configuration (labels, environment, command), as it was pushed."""
        manifest = json.loads(self._ask("GET", f"/v2/{repository}/manifests/{tag}").read())
        blob = self._ask("GET", f"/v2/{repository}/blobs/{manifest['config']['digest']}").read()
        found: dict[str, object] = json.loads(blob)["config"]
        return found

    def requests(self, since: int = 0) -> list[str]:
        """The lines of its access log from byte `since` on."""
        return [line for line in self.log.read_text()[since:].splitlines() if " HTTP/1." in line]

    def _ask(self, method: str, path: str) -> http.client.HTTPResponse:
        trust = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPSConnection(self.address, 443, timeout=5, context=trust)
        token = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
        connection.request(method, path, headers={"Authorization": f"Basic {token}", "Accept": MANIFESTS})
        return connection.getresponse()

    def _answers(self) -> bool:
        try:
            return self._ask("GET", "/v2/").status == 200
        except OSError:
            assert self.process
            assert self.process.poll() is None, self.log.read_text()
            return False
