"""How the docker client is called, by a program that stands in for it: no engine is needed. See tests/host for one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tagship.adapters.docker import Docker
from tagship.domain.manifest import ImageRef
from tagship.errors import Refused, ServiceFailed

DIGEST = "sha256:" + "5" * 64
REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"
STAND_IN = """\
#!/bin/sh
case $1 in
--version) echo "Docker version {version}, build 297e128" ;;
image) case $4 in
  *.Id*) echo sha256:1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d ;;
  *) echo '["other.example/hello@sha256:0", "{repository}@{digest}"]' ;;
  esac ;;
login) cat >"$0.given" ;;
esac
echo "${{DOCKER_BUILDKIT-unset}} $*" >>"$0.calls"
exit {code}
"""


def stand_in(folder: Path, version: str = "20.10.24+dfsg1", code: int = 0) -> Docker:
    program = folder / "docker"
    program.write_text(STAND_IN.format(version=version, repository=REPOSITORY, digest=DIGEST, code=code))
    program.chmod(0o755)
    return Docker(os.environ, str(program))


def built(docker: Docker, folder: Path) -> str:
    labels, arguments = {"b": "2", "a": "1 'x'"}, {"VERSION": "0.1.0-dev"}
    return docker.build(
        folder,
        folder / "Dockerfile",
        REPOSITORY,
        "0.1.0-dev",
        labels=labels,
        arguments=arguments,
        to=folder / "image.tar",
    )


def calls(folder: Path) -> list[str]:
    lines = (folder / "docker.calls").read_text().splitlines()
    return [line for line in lines if not line.endswith(" buildx version")]  # which is asked first, of each build


def test_an_image_is_built_and_pushed_and_known_by_the_digest_of_its_own_repository(tmp_path: Path) -> None:
    docker = stand_in(tmp_path)
    image_id = built(docker, tmp_path)
    assert docker.push(tmp_path / "image.tar", image_id, REPOSITORY, "0.1.0-dev") == ImageRef(
        REPOSITORY, "0.1.0-dev", DIGEST
    )
    words = [line.split()[1] for line in calls(tmp_path)]
    assert words == ["--version", "build", "save", "image", "load", "image", "push", "image"]
    assert "--label a=1 'x' --label b=2 --build-arg VERSION=0.1.0-dev" in calls(tmp_path)[1]


@pytest.mark.parametrize(
    ("version", "told"), [("20.10.24+dfsg1", "1"), ("19.03.8", "1"), ("23.0.0", "unset"), ("28.2.2", "unset")]
)
def test_only_a_client_with_buildkit_built_in_is_told_to_use_it(
    tmp_path: Path, version: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_BUILDKIT", raising=False)
    built(stand_in(tmp_path, version), tmp_path)
    assert calls(tmp_path)[1].split()[:2] == [told, "build"]


def test_what_the_user_says_of_buildkit_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    built(stand_in(tmp_path), tmp_path)
    assert calls(tmp_path)[1].split()[:2] == ["0", "build"]


def test_a_password_goes_through_standard_input(tmp_path: Path) -> None:
    stand_in(tmp_path).login("registry.example", "AWS", "pass 'word'\n")
    assert (tmp_path / "docker.given").read_text() == "pass 'word'\n"
    assert "word" not in "".join(calls(tmp_path)).replace("--password-stdin", "")


def test_a_failing_client_is_an_outside_service_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match="exit 7"):
        built(stand_in(tmp_path, code=7), tmp_path)


def test_without_a_docker_client_the_remedy_is_to_install_one(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no docker-of-nobody on PATH"):
        built(Docker(os.environ, "docker-of-nobody"), tmp_path)
