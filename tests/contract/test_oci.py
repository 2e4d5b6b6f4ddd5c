"""The client of registries, against Debian's docker-registry behind a token server, and against faults on order.

skopeo, which shares no line with it, puts the images there and reads what was copied.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.oci.client import RegistryClient
from tagship.adapters.oci.copying import Copying, ImagePlace
from tagship.adapters.oci.logins import DockerLogins, Login
from tagship.domain.oci import OCI_INDEX, OCI_MANIFEST, challenge_of
from tagship.errors import ArtifactMissing, NotAuthentic, ServiceFailed
from tests.contract.registries import (
    BASIC,
    IDENTITY,
    PASSWORD,
    USER,
    Layout,
    Memory,
    Quiet,
    TokenServer,
    an_image,
    an_index,
    debian,
    served,
)

REAL = shutil.which("docker-registry") and shutil.which("skopeo")
needs_debian = pytest.mark.skipif(not REAL, reason="needs docker-registry and skopeo, which .ci/run installs")


ADA = Login(USER, PASSWORD)


def client(host: str, login: Login | None = ADA, waits: list[float] | None = None) -> RegistryClient:
    return RegistryClient(host, lambda: login, (waits if waits is not None else []).append)


# -- Debian's ----------------------------------------------------------------------------------------------------------


@dataclass
class Pair:
    """Two registries behind one token server."""

    one: str
    two: str
    tokens: TokenServer

    def place(self, host: str, name: str, login: Login | None = ADA) -> ImagePlace:
        return ImagePlace(client(host, login), name)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("registries")
    tokens = TokenServer(folder)
    with ExitStack() as stack:
        realm = stack.enter_context(served(tokens.handler))
        one, two = (stack.enter_context(debian(folder, realm)) for _ in range(2))
        yield Pair(one, two, tokens)


def skopeo(*arguments: str) -> bytes:
    answer = subprocess.run(["skopeo", *arguments], capture_output=True, check=False)
    assert answer.returncode == 0, answer.stderr.decode()
    return answer.stdout


def pushed(layout: Layout, folder: Path, host: str, name: str) -> None:
    """Have skopeo push a layout's very bytes."""
    creds, source = f"--dest-creds={USER}:{PASSWORD}", layout.write(folder)
    skopeo("copy", "--all", "--preserve-digests", "--dest-tls-verify=false", creds, source, f"docker://{host}/{name}")


def read_by_skopeo(host: str, name: str, digest: str, folder: Path) -> bytes:
    """Read a manifest with all that it names; skopeo compares each digest. Returns the manifest's bytes."""
    creds, there = f"{USER}:{PASSWORD}", f"docker://{host}/{name}@{digest}"
    skopeo("copy", "--all", "--src-tls-verify=false", f"--src-creds={creds}", there, f"dir:{folder}")
    return skopeo("inspect", "--raw", "--tls-verify=false", f"--creds={creds}", there)


@needs_debian
@pytest.mark.parametrize("layout", [an_image(), an_image(said=False), an_index()], ids=["image", "unsaid", "index"])
def test_an_image_is_copied_from_registry_to_registry_byte_for_byte(pair: Pair, layout: Layout, tmp_path: Path) -> None:
    name = f"team/{layout.digest[7:19]}"
    pushed(layout, tmp_path / "layout", pair.one, f"{name}:1.0.0")
    source, to = pair.place(pair.one, name), pair.place(pair.two, f"other/{name}")
    manifest = Copying(source, to).copy(layout.digest, ["1.0.0"])
    assert manifest.body == layout.manifests[layout.digest][0]
    assert read_by_skopeo(pair.two, to.name, layout.digest, tmp_path / "read") == manifest.body
    by_tag = client(pair.two).manifest(to.name, "1.0.0")
    assert by_tag
    assert (by_tag.body, by_tag.media_type) == (manifest.body, manifest.media_type)


@needs_debian
def test_every_manifest_of_an_index_and_its_attestation_are_copied(pair: Pair, tmp_path: Path) -> None:
    layout = an_index()
    pushed(layout, tmp_path / "layout", pair.one, "whole:1")
    Copying(pair.place(pair.one, "whole"), pair.place(pair.two, "whole")).copy(layout.digest)
    there = client(pair.two)
    kept = {digest: there.manifest("whole", digest) for digest in layout.manifests}
    assert {digest: (part.body, part.media_type) for digest, part in kept.items() if part} == layout.manifests
    assert all(there.has("whole", "blobs", digest) for digest in layout.blobs)
    top = kept[layout.digest]
    assert top
    assert sorted(top.platforms) == ["linux/amd64", "linux/arm64"]


@needs_debian
def test_within_a_registry_blobs_are_mounted_and_not_sent(pair: Pair, tmp_path: Path) -> None:
    layout = an_image(b"mounted" * 1000)
    pushed(layout, tmp_path / "layout", pair.one, "mine:1")
    pair.tokens.asked.clear()
    Copying(pair.place(pair.one, "mine"), pair.place(pair.one, "yours")).copy(layout.digest)
    assert read_by_skopeo(pair.one, "yours", layout.digest, tmp_path / "read") == layout.manifests[layout.digest][0]
    assert ["repository:mine:pull", "repository:yours:pull,push"] in pair.tokens.asked


@needs_debian
def test_an_identity_token_is_exchanged_for_a_bearer(pair: Pair, tmp_path: Path) -> None:
    layout = an_image(b"by identity")
    pushed(layout, tmp_path / "layout", pair.one, "identity:1")
    manifest = client(pair.one, Login(identity=IDENTITY)).manifest("identity", "1")
    assert manifest
    assert manifest.digest == layout.digest


@needs_debian
def test_whoever_has_no_credential_is_told_where_to_log_in(pair: Pair) -> None:
    with pytest.raises(ServiceFailed, match=r"gives no token: 127.* answered 401") as caught:
        client(pair.one, None).manifest("team/x", "1")
    assert caught.value.remedy == f"Log in: docker login {pair.one}"


@needs_debian
def test_a_token_that_ends_is_asked_for_again(pair: Pair, tmp_path: Path) -> None:
    layout = an_image(b"short-lived")
    pushed(layout, tmp_path / "layout", pair.one, "short:1")
    asking = client(pair.one)
    assert asking.manifest("short", "1")
    pair.tokens.asked.clear()
    assert asking.manifest("short", "1")
    assert not pair.tokens.asked  # kept
    asking._tokens.clock = lambda: 1e12
    assert asking.manifest("short", "1")
    assert pair.tokens.asked == [["repository:short:pull"]]


# -- faults on order ---------------------------------------------------------------------------------------------------


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def host(memory: Memory) -> Iterator[str]:
    with served(memory.handler) as address:
        yield address


def copied(host: str, layout: Layout, waits: list[float] | None = None, to: str = "copy") -> None:
    Copying(ImagePlace(client(host, waits=waits), "team/app"), ImagePlace(client(host, waits=waits), to)).copy(
        layout.digest
    )


def test_a_refused_mount_is_an_upload(memory: Memory, host: str) -> None:
    layout = an_index()
    memory.hold("team/app", "1", layout)
    memory.mounts = False
    copied(host, layout)
    assert all(memory.blobs["copy", digest] == blob for digest, blob in layout.blobs.items())
    assert memory.count("PATCH", "copy/blobs/uploads") == len(layout.blobs)
    assert memory.count("POST", "copy/blobs/uploads") == len(layout.blobs)  # the refused mount began the upload


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_a_mount_that_is_an_error_is_an_upload(memory: Memory, host: str, status: int) -> None:
    layout = an_image()
    memory.hold("team/app", "1", layout)

    def fault(request: Any) -> bool:
        if "mount=" not in request.path or request.headers.get("Authorization") != BASIC:
            return False
        request.body()
        request.answer(status)
        return True

    memory.faults.append(fault)
    copied(host, layout)
    assert memory.manifests["copy", layout.digest]


def test_mount_is_never_sent_without_from_to_another_registry(memory: Memory, host: str) -> None:
    layout, other = an_image(), Memory()
    memory.hold("team/app", "1", layout)
    with served(other.handler) as there:
        Copying(ImagePlace(client(host), "team/app"), ImagePlace(client(there), "copy")).copy(layout.digest)
    assert other.count("POST", "mount=") == 0
    assert other.manifests["copy", layout.digest] == layout.manifests[layout.digest]


def test_what_is_there_is_not_sent_again(memory: Memory, host: str) -> None:
    layout = an_index()
    memory.hold("team/app", "1", layout)
    copied(host, layout)
    memory.asked.clear()
    copied(host, layout)
    assert not [asked for asked in memory.asked if asked[0] in ("POST", "PATCH", "PUT")]


def test_a_blob_elsewhere_is_read_without_the_credential(memory: Memory, host: str) -> None:
    layout = an_image(b"kept in a bucket")
    memory.hold("team/app", "1", layout)
    memory.mounts = False
    seen: list[str | None] = []

    class Bucket(Quiet):
        def do_GET(self) -> None:  # noqa: N802
            seen.append(self.headers.get("Authorization"))
            self.answer(200, layout.blobs[self.path[1:]])

    with served(Bucket) as bucket:
        memory.faults.append(lambda request: redirected(request, f"http://{bucket}/"))
        copied(host, layout)
    assert seen == [None] * len(layout.blobs)


def redirected(request: Any, to: str) -> bool:
    if request.command != "GET" or "/blobs/sha256" not in request.path:
        return False
    request.answer(307, Location=to + request.path.rpartition("/")[2])
    return True


def test_a_registry_that_sends_on_for_ever_is_left(memory: Memory, host: str) -> None:
    memory.faults.append(lambda request: request.answer(302, Location=request.path) or True)
    with pytest.raises(ServiceFailed, match="sends on more than 5 times"):
        client(host).manifest("team/app", "1")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_passes_is_asked_for_again(memory: Memory, host: str, status: int) -> None:
    layout, waits, left = an_image(), list[float](), [status] * 3
    memory.hold("team/app", "1", layout)

    def fault(request: Any) -> bool:
        if not left or request.headers.get("Authorization") != BASIC:
            return False
        request.answer(left.pop(), Retry_After="7")
        return True

    memory.faults.append(fault)
    manifest = client(host, waits=waits).manifest("team/app", "1")
    assert manifest
    assert waits == [7.0, 7.0, 7.0]


def test_a_wait_that_is_no_number_is_none(memory: Memory, host: str) -> None:
    """A superscript two is a digit to Python, and no number."""
    answers = [lambda request: request.answer(503, Retry_After="\xb2") or True]
    memory.faults.append(lambda request: bool(answers) and answers.pop()(request))
    waits: list[float] = []
    assert client(host, waits=waits).manifest("team/app", "1") is None
    assert waits == [1.0]


def test_a_registry_that_stays_away_is_said_with_its_words(memory: Memory, host: str) -> None:
    waits: list[float] = []
    memory.faults.append(lambda request: request.answer(503) or True)
    with pytest.raises(ServiceFailed, match="it answered 503 for team/app/manifests/1, 5 times"):
        client(host, waits=waits).manifest("team/app", "1")
    assert waits == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("fault", ["source", "to"])
def test_a_blob_that_was_cut_off_is_sent_anew(memory: Memory, host: str, fault: str) -> None:
    layout, left = an_image(b"long" * 500_000), [1, 1]
    memory.hold("team/app", "1", layout)
    memory.mounts = False

    def cut(request: Any) -> bool:
        reading = request.command == "GET" and "/blobs/" in request.path
        if not left or not (reading if fault == "source" else request.command == "PATCH"):
            return False
        left.pop()
        if not reading:
            request.body()
            request.answer(500)
            return True
        request.answer(200, b"short", Content_Length="2000000")
        request.close_connection = True
        return True

    memory.faults.append(cut)
    waits: list[float] = []
    copied(host, layout, waits)
    assert memory.manifests["copy", layout.digest]
    assert len(waits) == 2


def test_a_blob_with_other_bytes_is_never_whole_at_the_other_end(memory: Memory, host: str) -> None:
    layout = an_image(b"what was signed")
    memory.hold("team/app", "1", layout)
    memory.mounts = False
    altered = next(digest for digest, blob in layout.blobs.items() if blob == b"what was signed")
    memory.blobs["team/app", altered] = b"what is served?"
    with pytest.raises(NotAuthentic, match="has other bytes than sha256"):
        copied(host, layout)
    assert ("copy", altered) not in memory.blobs
    assert ("copy", layout.digest) not in memory.manifests


def test_a_manifest_with_other_bytes_is_not_believed(memory: Memory, host: str) -> None:
    layout = an_image()
    memory.manifests["team/app", layout.digest] = (b'{"schemaVersion": 2, "layers": []}', OCI_MANIFEST)
    with pytest.raises(NotAuthentic, match="answered another manifest"):
        client(host).manifest("team/app", layout.digest)


def test_an_image_that_is_gone_is_said(memory: Memory, host: str) -> None:
    with pytest.raises(ArtifactMissing, match="is gone: the registry does not have it"):
        copied(host, an_image())


def test_a_tag_of_another_image_is_not_moved_by_a_copy(memory: Memory, host: str) -> None:
    layout = an_image(b"new")
    memory.hold("team/app", "1", layout)
    memory.hold("copy", "1", an_image(b"old"))
    with pytest.raises(NotAuthentic, match=r"copy:1 is sha256:.* already"):
        Copying(ImagePlace(client(host), "team/app"), ImagePlace(client(host), "copy")).copy(layout.digest, ["1"])


def test_a_manifest_served_as_plain_json_is_known_by_what_it_is(memory: Memory, host: str) -> None:
    for layout, kind in ((an_index(), OCI_INDEX), (an_image(said=False), OCI_MANIFEST)):
        memory.manifests["team/app", "1"] = (layout.manifests[layout.digest][0], "application/json; charset=utf-8")
        manifest = client(host).manifest("team/app", "1")
        assert manifest
        assert manifest.media_type == kind


def test_a_token_server_in_the_clear_never_gets_the_password() -> None:
    asking = client("registry.example")
    challenge = challenge_of('Bearer realm="http://registry.example/token",service="x"')
    with pytest.raises(ServiceFailed, match="does not begin with https://"):
        asking._tokens.renewed(challenge, ("repository:x:pull",), "")


# -- credentials -------------------------------------------------------------------------------------------------------


def test_credentials_are_those_of_dockers_config(tmp_path: Path) -> None:
    auth = base64.b64encode(b"ada:pw:with:colons").decode()
    hub = "https://index.docker.io/v1/"
    config = {"auths": {"r.example": {"auth": auth}, hub: {"auth": auth}, "i.example": {"identitytoken": "long"}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    logins = DockerLogins({"DOCKER_CONFIG": str(tmp_path), "PATH": os.environ["PATH"]})
    assert logins.of("r.example") == logins.of("docker.io") == Login("ada", "pw:with:colons")
    assert logins.of("i.example") == Login(identity="long")
    assert logins.of("nobody.example") is None


def test_a_credential_helper_is_asked_for_its_registry(tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-pass"
    helper.write_text('#!/bin/sh\nread -r host\necho "{\\"Username\\": \\"u\\", \\"Secret\\": \\"of $host\\"}"\n')
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {"r.example": "pass", "x.example": "gone"}}))
    logins = DockerLogins({"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert logins.of("r.example") == Login("u", "of r.example")
    assert logins.of("x.example") is None


def test_the_github_token_is_ghcrs_where_nobody_logged_in(tmp_path: Path) -> None:
    logins = DockerLogins({"DOCKER_CONFIG": str(tmp_path), "GITHUB_TOKEN": "ghs_x"})
    assert logins.of("ghcr.io") == Login("x-access-token", "ghs_x")
    assert logins.of("ghcr.io.example") is None


def test_a_credential_is_in_no_text_of_a_login() -> None:
    assert "hunter2" not in repr(Login("ada", "hunter2"))
    assert "hunter2" not in repr(Login(identity="hunter2"))


def test_docker_hubs_own_images_have_their_place() -> None:
    assert client("docker.io").named("nginx") == "library/nginx"
    assert client("docker.io").named("acme/nginx") == "acme/nginx"
    assert client("docker.io").base == "https://registry-1.docker.io"
    assert client("ghcr.io").named("nginx") == "nginx"
