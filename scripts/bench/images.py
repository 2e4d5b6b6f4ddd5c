"""Copying an image between two registries, beside skopeo: 200 MB in six layers, both as a program of its own."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from scripts.bench.measure import Figure, in_turns, ratio, run

LAYERS, SIZE = 6, 34 * 1024 * 1024
CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
COPY = """\
import sys
from tagship.adapters.oci.client import RegistryClient
from tagship.adapters.oci.copying import Copying, ImagePlace
source, to, digest = sys.argv[1:]
places = [ImagePlace(RegistryClient(host, lambda: None), "app") for host in (source, to)]
Copying(*places).copy(digest, ["1"])
"""


def images(folder: Path) -> list[Figure]:
    for program in ("docker-registry", "skopeo"):
        if not shutil.which(program):
            raise SystemExit(f"images needs {program}: apt-get install docker-registry skopeo")
    digest = _layout(folder / "layout")
    with _registry(folder / "source") as source:
        layout, there = f"oci:{folder}/layout", f"docker://{source}/app:1"
        run(["skopeo", "copy", "--preserve-digests", "--dest-tls-verify=false", layout, there], folder)

        def ours() -> float:
            with _registry(folder / "ours") as to:
                return run([sys.executable, "-c", COPY, source, to, digest], folder)

        def theirs() -> float:
            with _registry(
                folder / "theirs"
            ) as to:  # empty, or skopeo would mount what it remembers from a copy before
                plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
                at = f"docker://{source}/app@{digest}"
                return run(["skopeo", "copy", "--all", *plain, at, f"docker://{to}/app:1"], folder)

        took, beside = in_turns(5, ours, theirs)
    return [ratio("images", "an image of 200 MB between two registries, beside skopeo copy", took, beside, 1.1)]


@contextmanager
def _registry(folder: Path) -> Iterator[str]:
    """Run Debian's docker-registry, empty, on a free port: host:port."""
    shutil.rmtree(folder, ignore_errors=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder.with_suffix(".yml")
    config.write_text(CONFIG.format(folder=folder, port=port))
    with subprocess.Popen(
        ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait(port)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            with urlopen(f"http://127.0.0.1:{port}/v2/"):
                return
        except URLError:
            time.sleep(0.05)
    raise SystemExit("docker-registry does not answer")


def _layout(folder: Path) -> str:
    """Write an image as an OCI layout; its layers don't compress. Returns its digest."""
    made, kind = random.Random(51), "application/vnd.oci.image"
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def keep(body: bytes, name: str) -> dict[str, object]:
        digest = hashlib.sha256(body).hexdigest()
        (blobs / digest).write_bytes(body)
        return {"mediaType": f"{kind}.{name}", "digest": f"sha256:{digest}", "size": len(body)}

    layers = [keep(gzip.compress(made.randbytes(SIZE), 1, mtime=0), "layer.v1.tar+gzip") for _ in range(LAYERS)]
    config = keep(json.dumps({"architecture": "amd64", "os": "linux"}).encode(), "config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json", "config": config, "layers": layers}
    top = keep(json.dumps(manifest).encode(), "manifest.v1+json")
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    return str(top["digest"])
