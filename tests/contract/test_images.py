"""Images: the commands that docker is given, and the registry's own word for a digest.

A stand-in for docker writes down what it is given; a real engine and a real registry are asked in tests/host. moto's
ECR makes digests up unless they are given, and takes illegal tags: neither is leaned on here.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.validate import ParamValidator

from tagship.adapters.aws.ecr import Ecr, split
from tagship.adapters.docker import Docker, build_command
from tagship.domain.image import Recipe, Scan
from tagship.domain.manifest import ImageRef
from tagship.errors import NotAuthentic, Refused, ServiceFailed, SettingsError
from tests.contract import strict_aws
from tests.contract.registries import BASIC, Memory, an_image, served

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
    return [line for line in (tmp_path / "log").read_text().splitlines() if line not in ("--version", "buildx version")]


def test_the_build_command_is_a_list_and_quotes_nothing() -> None:
    labels = {"revision": "c0ffee", "branch": "x; rm -rf /"}
    given: Any = {"labels": labels, "arguments": {"VERSION": "0.1.0-dev"}}
    assert build_command(Path("/src"), Path("/src/Dockerfile"), NAME, **given) == [
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


def test_with_buildx_no_attestation_makes_an_index_of_the_image() -> None:
    recipe = Recipe("app", "linux/arm64", ("type=gha",), ("type=gha,mode=max",))
    given: Any = {"labels": {}, "arguments": {}, "recipe": recipe}
    command = build_command(Path("/src"), Path("/src/Dockerfile"), NAME, **given, buildx=True)
    assert command[:5] == ["buildx", "build", "--load", "--provenance=false", "--sbom=false"]
    assert command[9:-1] == [
        NAME,
        *("--target", "app", "--platform", "linux/arm64"),
        *("--cache-from", "type=gha", "--cache-to", "type=gha,mode=max"),
    ]
    plain = build_command(Path("/src"), Path("/src/Dockerfile"), NAME, **given)
    assert plain[0] == "build"
    assert "--cache-to" not in plain


def test_buildx_builds_if_the_client_has_it(tmp_path: Path) -> None:
    program = tmp_path / "docker"
    answer = "[ \"$1 $2\" != 'buildx version' ] || echo github.com/docker/buildx v0.30.0\n"
    program.write_text(STAND_IN.format(log=tmp_path / "log", digest=DIGEST) + answer)
    program.chmod(0o755)
    smoke = Recipe(smoke=("python3", "-c", "import app"), says="api: ")
    given: Any = {"labels": {}, "arguments": {}, "to": tmp_path / "a.tar", "recipe": smoke}
    Docker(os.environ, str(program)).build(Path("/src"), Path("/src/Dockerfile"), "r.example/a", "1", **given)
    built, smoked, *_ = said(tmp_path)
    assert built.startswith("buildx build --load --provenance=false --sbom=false")
    assert smoked == "run --rm r.example/a:1 python3 -c import app"


def test_an_image_whose_smoke_command_fails_is_no_build(tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\n[ \"$1\" != run ] || { echo 'no module app' >&2; exit 1; }\n")
    program.chmod(0o755)
    given: Any = {"labels": {}, "arguments": {}, "to": tmp_path / "a", "recipe": Recipe(smoke=("true",))}
    with pytest.raises(Refused, match=r"r\.example/a:1 was built, but `true` fails in it") as caught:
        Docker({"PATH": os.environ["PATH"]}, str(program)).build(Path("/src"), Path("/f"), "r.example/a", "1", **given)
    assert caught.value.state == "Nothing was pushed."


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
    assert ecr.status(image).state == "there"
    assert ecr.status(ImageRef(repository, "0.1.0-dev", "sha256:" + "b" * 64)).state == "missing"


@dataclass
class Answers:
    """ECR's client with answers of botocore's shapes, which moto does not give: an archive, scans of every state."""

    client: Any
    given: dict[str, Any]
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        if name not in self.given:
            return getattr(self.client, name)
        return lambda **request: self._answer(name, request)

    def _answer(self, name: str, request: dict[str, Any]) -> Any:
        self.asked.append(request)
        answer = self.given[name]
        if isinstance(answer, Exception):
            raise answer
        shape = self.client.meta.service_model.operation_model(self.client.meta.method_to_api_mapping[name])
        ParamValidator().validate(request, shape.input_shape).has_errors() and pytest.fail(f"bad request: {request}")
        errors = ParamValidator().validate(answer, shape.output_shape)
        assert not errors.has_errors(), errors.generate_report()
        return answer


def answered(ecr: Ecr, monkeypatch: pytest.MonkeyPatch, **given: Any) -> Answers:
    answers = Answers(ecr.aws.client("ecr"), given)
    monkeypatch.setitem(ecr.aws._clients, "ecr", answers)
    return answers


IMAGE = ImageRef("123456789012.dkr.ecr.us-east-1.amazonaws.com/images/hello", "1", DIGEST)


@pytest.mark.parametrize(
    ("kept", "state"), [("ACTIVE", "there"), ("ARCHIVED", "archived"), ("ACTIVATING", "activating")]
)
def test_ecr_tells_of_an_archived_image_that_it_answers_only_if_asked_for_any(
    ecr: Ecr, monkeypatch: pytest.MonkeyPatch, kept: str, state: str
) -> None:
    images = {"imageDetails": [{"imageDigest": DIGEST, "imageStatus": kept}]}
    answers = answered(ecr, monkeypatch, describe_images=images)
    status = ecr.status(IMAGE)
    assert (status.state, bool(status.why_not_pullable)) == (state, state != "there")
    assert answers.asked[0]["filter"] == {"imageStatus": "ANY"}
    if state == "archived":
        assert status.restore.startswith("aws ecr update-image-storage-class --repository-name images/hello")


@pytest.mark.parametrize(
    ("state", "told"),
    [("COMPLETE", "done"), ("ACTIVE", "done"), ("PENDING", "waiting"), ("FAILED", "failed (FAILED)")],
)
def test_ecr_tells_what_a_scan_found(ecr: Ecr, monkeypatch: pytest.MonkeyPatch, state: str, told: str) -> None:
    counts = {"CRITICAL": 1, "HIGH": 0, "MEDIUM": 7}
    scan = {"imageScanStatus": {"status": state}, "imageScanFindings": {"findingSeverityCounts": counts}}
    images = {"imageDetails": [{"imageDigest": DIGEST}]}
    answered(ecr, monkeypatch, describe_images=images, describe_image_scan_findings=scan)
    status = ecr.status(IMAGE, scanned=True)
    assert status.scan == Scan(told, counts)
    assert status.scan.from_on("high") == "1 critical"
    assert status.scan.from_on("low") == "1 critical, 7 medium"


def test_an_image_that_nobody_scanned_has_no_scan(ecr: Ecr, repository: str) -> None:
    put = ecr.aws.client("ecr").put_image(
        repositoryName="images/hello", imageManifest=MANIFEST.replace("[]", "[ ]"), imageTag="0.3.0-dev"
    )
    image = ImageRef(repository, "0.3.0-dev", put["image"]["imageId"]["imageDigest"])
    status = ecr.status(image, scanned=True)
    assert (status.state, status.scan) == ("there", None)


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


def test_a_plain_registry_is_asked_with_the_login_that_docker_keeps(tmp_path: Path, docker: Docker) -> None:
    memory, layout = Memory(), an_image()
    memory.hold("team/hello", "0.1.0-dev", layout)
    variables = {"DOCKER_CONFIG": str(tmp_path), "PATH": os.environ["PATH"]}
    with served(memory.handler) as plain:
        name = f"{plain}/team/hello"
        with pytest.raises(ServiceFailed, match="it answered 401") as caught:
            Ecr(strict_aws.aws(), Docker(variables)).find(name, "0.1.0-dev")
        assert caught.value.remedy == f"Log in: docker login {plain}"
        auth = {"auths": {plain: {"auth": BASIC.partition(" ")[2]}}}
        (tmp_path / "config.json").write_text(json.dumps(auth))
        ecr = Ecr(strict_aws.aws(), Docker(variables))
        image = ecr.find(name, "0.1.0-dev")
        assert image == ImageRef(name, "0.1.0-dev", layout.digest)
        assert ecr.find(name, "0.1.1-dev") is None
        assert ecr.status(image).state == "there"
        assert ecr.platforms(image) == {"linux/amd64": layout.digest}
        assert ecr.copy(image, f"{plain}/other") == ImageRef(f"{plain}/other", "0.1.0-dev", layout.digest)
        ecr.tag(image, "latest-dev")
        assert ecr.find(name, "latest-dev") == ImageRef(name, "latest-dev", layout.digest)
        assert ecr.status(ImageRef(name, "x", DIGEST)).state == "missing"


def test_a_registry_that_does_not_answer_is_said(docker: Docker) -> None:
    waits: list[float] = []
    ecr = Ecr(strict_aws.aws(), docker, waits.append)
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
