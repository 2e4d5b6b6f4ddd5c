"""The product's own image build, on a real engine and a real registry, with each docker client that is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from tagship.adapters.aws.ecr import Ecr
from tagship.adapters.aws.session import Aws
from tagship.adapters.docker import Docker
from tagship.domain.manifest import ImageRef
from tagship.errors import NotAuthentic, ServiceFailed
from tagship.ports.app import App
from tagship.release.image_builds import REVISION
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import FakeApp, environments
from tests.fakes.ci import FakeCi
from tests.host.engine import Engine
from tests.host.ground import ADMIN_PATH
from tests.host.registry import HOST, PASSWORD, Registry
from tests.unit.ci import COMMIT, VERSION, ci_app

DOCKERFILE = """\
FROM {base}
ARG VERSION
ARG COMMIT_SHA
RUN ["/usr/bin/python3", "-c", "open('/version', 'w').write('$VERSION')"]
ENV VERSION=$VERSION COMMIT_SHA=$COMMIT_SHA
COPY app.py /
CMD ["python3", "/app.py"]
"""
FACTS = {"VERSION": VERSION, "COMMIT_SHA": COMMIT}


def clients() -> list[str]:
    """Every docker client of this machine: a newer one often shadows the distribution's, and lacks its plugins."""
    found = {str(Path(folder, "docker").resolve()): Path(folder, "docker") for folder in ADMIN_PATH.split(":")}
    return [str(place) for place in found.values() if place.exists()] or ["docker"]


@pytest.fixture(params=clients())
def docker(request: pytest.FixtureRequest, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The adapter, with that client, its engine and the registry's credentials in the environment."""
    for name, value in engine.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SSL_CERT_FILE", str(engine.registry.certificate))
    return Docker(os.environ, request.param)


@pytest.fixture
def repository(engine: Engine, registry: Registry, request: pytest.FixtureRequest) -> str:
    """A repository of the registry that no other test pushes to."""
    return f"{registry.address}/team/app-{abs(hash(request.node.nodeid)) % 10**8}"


@pytest.fixture
def context(tmp_path: Path, python_base: str) -> Path:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.format(base=python_base))
    (tmp_path / "app.py").write_text("print('hello')\n")
    return tmp_path


def push(docker: Docker, context: Path, repository: str, tag: str = VERSION) -> ImageRef:
    labels = {REVISION: COMMIT, "tagship.app": "hello", "odd": "a 'b' \"c\" $HOME"}
    file = context.parent / f"{context.name}.tar"
    image_id = docker.build(context, context / "Dockerfile", repository, tag, labels=labels, arguments=FACTS, to=file)
    return docker.push(file, image_id, repository, tag)


def test_an_image_is_pushed_with_its_labels_and_build_arguments(
    docker: Docker, context: Path, repository: str, registry: Registry
) -> None:
    image = push(docker, context, repository)
    name = repository.partition("/")[2]
    assert image.digest == registry.digest(name, VERSION)
    config = registry.config(name, VERSION)
    assert config["Labels"] == {REVISION: COMMIT, "tagship.app": "hello", "odd": "a 'b' \"c\" $HOME"}
    assert {f"VERSION={VERSION}", f"COMMIT_SHA={COMMIT}"} <= set(cast(list[str], config["Env"]))


def test_the_digest_is_the_registrys_own_word(docker: Docker, context: Path, repository: str) -> None:
    image = push(docker, context, repository)
    assert Ecr(Aws("us-east-1"), docker).find(repository, VERSION) == image
    assert Ecr(Aws("us-east-1"), docker).find(repository, "9.9.9-dev") is None
    assert Ecr(Aws("us-east-1"), docker).find(repository + "-other", VERSION) is None


def test_an_ecr_name_takes_a_push_after_the_login_of_ecr(
    docker: Docker, context: Path, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.mkdir(mode=0o700)
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    for name in registry.names:  # the second: the base image is pulled under it
        docker.login(name, "AWS", PASSWORD)
    image = push(docker, context, f"{HOST}/team/ecr", VERSION)
    assert image.by_digest == f"{HOST}/team/ecr@{registry.digest('team/ecr', VERSION)}"


def test_a_wrong_password_is_refused_in_dockers_own_words(docker: Docker, registry: Registry) -> None:
    with pytest.raises(ServiceFailed) as failed:
        docker.login(registry.address, "AWS", "wrong")
    assert "Unauthorized" in failed.value.evidence
    assert "wrong" not in failed.value.what + failed.value.evidence


def test_a_push_without_a_login_fails_and_says_so(
    docker: Docker, context: Path, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    (context / "Dockerfile").write_text("FROM scratch\nCOPY app.py /\n")
    with pytest.raises(ServiceFailed, match=r"exit 1 \(pushing"):
        push(docker, context, f"{registry.address}/team/nobody")
    assert registry.digest("team/nobody", VERSION) == ""


def test_a_dockerfile_that_fails_pushes_nothing(
    docker: Docker, context: Path, repository: str, registry: Registry, python_base: str
) -> None:
    (context / "Dockerfile").write_text(f'FROM {python_base}\nRUN ["python3", "-c", "raise SystemExit(9)"]\n')
    with pytest.raises(ServiceFailed, match=r"\(building"):
        push(docker, context, repository)
    assert registry.digest(repository.partition("/")[2], VERSION) == ""


def test_what_one_job_saved_another_pushes_and_knows_again(
    docker: Docker, context: Path, repository: str, registry: Registry
) -> None:
    app = _app(docker, context, repository)
    [built] = build(_as_app(app), artifact=VERSION).values()
    assert registry.digest(repository.partition("/")[2], VERSION) == ""
    place = context / ".tagship/build" / VERSION
    pushed = docker.push(place / "image.tar", built.id, built.repository, built.tag)
    assert docker.identity(pushed) == built.id
    assert registry.digest(repository.partition("/")[2], VERSION) == pushed.digest


def test_the_image_of_a_stranger_under_the_tag_is_refused_and_stays(
    docker: Docker, context: Path, repository: str, registry: Registry
) -> None:
    app = _app(docker, context, repository)
    app.ci = FakeCi(tag=VERSION)
    build(_as_app(app), artifact=VERSION)
    bundle(_as_app(app), artifact=VERSION)
    theirs = push(docker, context, repository)  # with the right label: whoever pushes says what it says
    with pytest.raises(NotAuthentic, match="no signed provenance says where it comes from"):
        publish(_as_app(app), artifact=VERSION)
    assert registry.digest(repository.partition("/")[2], VERSION) == theirs.digest
    assert app.store.objects == {}


def _app(docker: Docker, root: Path, repository: str) -> FakeApp:
    table = environments(ec2={"runtime": "docker"}, image={"repository": repository})
    app = ci_app(root, environments=table)
    app.given |= {"builder": docker, "registry": Ecr(Aws("us-east-1"), docker)}
    return app


def _as_app(app: FakeApp) -> App:
    return app
