"""Images: the commands that docker is given, and the registry's own word for a digest.

A stand-in for docker writes down what it is given; a real engine and a real registry are asked in tests/host. moto's
ECR makes digests up unless they are given, and takes illegal tags: neither is leaned on here.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tagship.adapters.aws.ecr import Ecr, split
from tagship.adapters.docker import Docker, build_command
from tagship.domain.manifest import ImageRef
from tagship.errors import NotAuthentic, Refused, ServiceFailed, SettingsError
from tests.contract import strict_aws

DIGEST = "sha256:" + "a" * 64
ONE, TWO = "sha256:" + "1d" * 32, "sha256:" + "2d" * 32  # ids that an engine gives an image
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": DIGEST},
        "layers": [],
    }
)
NAME = "registry.example/hello:0.1.0-dev"

# Writes its arguments and standard input down, and answers as docker does.
STAND_IN = """#!/bin/sh
{{ printf '%s\\n' "$*"; [ "$1" != login ] || cat; }} >> "{log}"
case "$1 $2" in
  "push "*bad*) echo 'denied: requested access to the resource is denied' >&2; exit 1 ;;
  "image inspect") case "$4" in *.Id*) echo 'sha256:1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d' ;;
    *) echo '["other.example/hello@sha256:0","registry.example/hello@{digest}"]' ;; esac ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    program = tmp_path / "docker"
    program.write_text(STAND_IN.format(log=tmp_path / "log", digest=DIGEST))
    program.chmod(0o755)
    return Docker(os.environ, str(program))


def said(tmp_path: Path) -> list[str]:
    """What docker was given, a line each, but for the question which docker it is."""
    return [line for line in (tmp_path / "log").read_text().splitlines() if line != "--version"]


def test_the_build_command_is_a_list_and_quotes_nothing() -> None:
    labels = {"revision": "c0ffee", "branch": "x; rm -rf /"}
    assert build_command(Path("/src"), Path("/src/Dockerfile"), NAME, labels, {"VERSION": "0.1.0-dev"}) == [
        "build",
        "--pull",
        "--file",
        "/src/Dockerfile",
        "--tag",
        NAME,
        "--label",
        "branch=x; rm -rf /",
        "--label",
        "revision=c0ffee",
        "--build-arg",
        "VERSION=0.1.0-dev",
        "/src",
    ]


def test_an_image_is_built_and_saved_and_known_by_its_id(docker: Docker, tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    image_id = docker.build(
        Path("/src"),
        Path("/src/Dockerfile"),
        "registry.example/hello",
        "0.1.0-dev",
        labels={"a": "b"},
        arguments={},
        to=file,
    )
    assert image_id == ONE
    assert said(tmp_path) == [
        f"build --pull --file /src/Dockerfile --tag {NAME} --label a=b /src",
        f"save --output {file} {NAME}",
        f"image inspect --format {{{{.Id}}}} {NAME}",
    ]


def test_what_was_saved_is_loaded_and_pushed_and_its_pushed_digest_read(docker: Docker, tmp_path: Path) -> None:
    image = docker.push(
        tmp_path / "image.tar",
        ONE,
        "registry.example/hello",
        "0.1.0-dev",
    )
    assert image == ImageRef("registry.example/hello", "0.1.0-dev", DIGEST)
    assert said(tmp_path) == [
        f"load --quiet --input {tmp_path}/image.tar",
        f"image inspect --format {{{{.Id}}}} {NAME}",
        f"push {NAME}",
        f"image inspect --format {{{{json .RepoDigests}}}} {NAME}",
    ]


def test_a_file_with_another_image_is_not_pushed(docker: Docker, tmp_path: Path) -> None:
    with pytest.raises(
        NotAuthentic,
        match=f"holds another image .*: {ONE}, not {TWO}",
    ) as caught:
        docker.push(
            tmp_path / "image.tar",
            TWO,
            "registry.example/hello",
            "0.1.0-dev",
        )
    assert caught.value.state == "Nothing was pushed."
    assert not [line for line in said(tmp_path) if line.startswith("push")]


def test_the_id_of_an_image_in_the_registry_is_asked_by_digest(docker: Docker, tmp_path: Path) -> None:
    image = ImageRef("registry.example/hello", "0.1.0-dev", DIGEST)
    assert docker.identity(image) == ONE
    assert said(tmp_path)[0] == f"pull --quiet registry.example/hello@{DIGEST}"


def test_a_password_goes_through_standard_input_alone(docker: Docker, tmp_path: Path) -> None:
    docker.login("registry.example", "AWS", "hunter2")
    assert said(tmp_path) == ["login --username AWS --password-stdin registry.example", "hunter2"]


def test_a_push_that_fails_is_told_and_stops_there(docker: Docker, tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match=r"docker failed with exit 1 \(pushing registry\.example/bad:1\)"):
        docker.push(
            tmp_path / "image.tar",
            ONE,
            "registry.example/bad",
            "1",
        )
    assert said(tmp_path)[-1] == "push registry.example/bad:1"


def test_without_docker_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"There is no .*docker on PATH") as caught:
        Docker(os.environ, str(tmp_path / "docker")).login("h", "u", "p")
    assert caught.value.remedy.startswith("Install Docker")


# -- registries --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ecr(docker: Docker) -> Ecr:
    return Ecr(strict_aws.aws(), docker)


@pytest.fixture(scope="module")
def repository() -> str:
    answer = strict_aws.aws().client("ecr").create_repository(repositoryName="images/hello")
    return answer["repository"]["repositoryUri"]


def test_ecr_answers_the_digest_of_a_tag(ecr: Ecr, repository: str) -> None:
    put = ecr.aws.client("ecr").put_image(
        repositoryName="images/hello", imageManifest=MANIFEST, imageTag="0.1.0-dev", imageDigest=DIGEST
    )
    assert ecr.find(repository, "0.1.0-dev") == ImageRef(
        repository, "0.1.0-dev", put["image"]["imageId"]["imageDigest"]
    )
    assert ecr.find(repository, "0.1.1-dev") is None


def test_ecr_tells_whether_an_image_is_still_there(ecr: Ecr, repository: str) -> None:
    ecr.aws.client("ecr").put_image(
        repositoryName="images/hello", imageManifest=MANIFEST, imageTag="0.2.0-dev", imageDigest="sha256:" + "c" * 64
    )
    image = ecr.find(repository, "0.2.0-dev")
    assert image
    assert ecr.holds(image)
    assert not ecr.holds(ImageRef(repository, "0.1.0-dev", "sha256:" + "b" * 64))


def test_an_ecr_repository_that_is_not_there_is_said_with_the_command(ecr: Ecr, repository: str) -> None:
    with pytest.raises(SettingsError, match="has no repository nobody/hello") as caught:
        ecr.find(repository.replace("images/hello", "nobody/hello"), "0.1.0-dev")
    assert caught.value.remedy.startswith("Create it: aws ecr create-repository --repository-name nobody/hello")


def test_docker_is_logged_in_to_ecr_and_to_nothing_else(ecr: Ecr, repository: str, tmp_path: Path) -> None:
    ecr.login("localhost:5000/hello")
    assert not (tmp_path / "log").exists()
    ecr.login(repository)
    host = repository.split("/", maxsplit=1)[0]
    assert said(tmp_path)[0] == f"login --username AWS --password-stdin {host}"


class Plain(BaseHTTPRequestHandler):
    """A registry with one image, behind a user and a password."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def do_HEAD(self) -> None:
        self.asked.append((self.path, self.headers["Accept"]))
        allowed = self.headers["Authorization"] == "Basic " + base64.b64encode(b"ada:pw").decode()
        found = self.path == "/v2/team/hello/manifests/0.1.0-dev"
        self.send_response(401 if not allowed else 200 if found else 404)
        if allowed and found:
            self.send_header("Docker-Content-Digest", DIGEST)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def plain() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_plain_registry_is_asked_by_the_distribution_api(
    ecr: Ecr, plain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(ServiceFailed, match="it answered 401") as caught:
        ecr.find(f"{plain}/team/hello", "0.1.0-dev")
    assert caught.value.remedy == f"Log in: docker login {plain}"
    auth = {"auths": {plain: {"auth": base64.b64encode(b"ada:pw").decode()}}}
    (tmp_path / "config.json").write_text(json.dumps(auth))
    assert ecr.find(f"{plain}/team/hello", "0.1.0-dev") == ImageRef(f"{plain}/team/hello", "0.1.0-dev", DIGEST)
    assert ecr.find(f"{plain}/team/hello", "0.1.1-dev") is None
    assert "application/vnd.oci.image.index.v1+json" in Plain.asked[-1][1]


def test_a_registry_that_does_not_answer_is_said(ecr: Ecr) -> None:
    with pytest.raises(ServiceFailed, match=r"The registry 127\.0\.0\.1:9 cannot be asked"):
        ecr.find("127.0.0.1:9/hello", "0.1.0-dev")


@pytest.mark.parametrize("repository", ["hello", "team/hello", ""])
def test_a_repository_without_a_host_is_refused(repository: str) -> None:
    with pytest.raises(SettingsError, match="does not begin with a registry's host"):
        split(repository)


def test_hosts_of_registries() -> None:
    assert split("localhost/hello") == ("localhost", "hello")
    assert split("ghcr.io/acme/hello") == ("ghcr.io", "acme/hello")
    assert os.sep not in split("localhost:5000/a/b")[0]
