"""[images.<name>] in tagship.toml: several images of a release, each in its repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.errors import SettingsError
from tagship.settings import Settings, load
from tests.unit.settings_text import APP

IMAGES = """
[images.api]
repository = "r.example/api"
target = "app"
platform = "linux/arm64"
moving_tags = ["latest-{environment}"]
[images.worker]
repository = "r.example/worker"
repositories = { dev = "dev.example/worker" }
"""
ECS = """
[environments.dev.ecs]
cluster = "dev"
services.web.images = { app = "api", worker = "worker" }
"""


def read(folder: Path, text: str) -> Settings:
    path = folder / "tagship.toml"
    path.write_text(APP + text)
    return load(path, {})


def errors(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(folder, text)
    return str(caught.value)


def test_services_choose_images_by_name_and_an_environment_may_have_other_repositories(tmp_path: Path) -> None:
    images = read(tmp_path, IMAGES + ECS).images_of("dev")
    assert {name: image.repository for name, image in images.items()} == {
        "api": "r.example/api",
        "worker": "dev.example/worker",
    }
    assert images["api"].moved_tags("dev") == ["latest-dev"]


def test_the_environments_own_image_is_the_short_form_and_may_stand_beside(tmp_path: Path) -> None:
    own = 'environments.dev.image.repository = "r.example/own"\n'
    assert list(
        read(tmp_path, own + "[environments.dev.ecs]\ncluster = 'dev'\nservices.web = {}\n").images_of("dev")
    ) == [""]
    beside = own + IMAGES + ECS + 'services.web.containers = ["proxy"]\n'
    assert list(read(tmp_path, beside).images_of("dev")) == ["", "api", "worker"]


def test_functions_and_hosts_choose_an_image_too(tmp_path: Path) -> None:
    functions = '[environments.dev.lambda]\nfunctions.a = { image = "api" }\nfunctions.b = { image = "worker" }\n'
    assert list(read(tmp_path, IMAGES + functions).images_of("dev")) == ["api", "worker"]
    hosts = '[environments.dev.ec2]\ntags = { a = "b" }\nruntime = "docker"\ncontainer.image = "worker"\n'
    settings = read(tmp_path, IMAGES + hosts)
    assert list(settings.images_of("dev")) == ["worker"]
    assert settings.environment("dev").target.host_image == "worker"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (ECS, 'services.web.images.app: names "api", which nothing makes: add [images.api]'),
        (
            '[images.api]\n[environments.dev.lambda]\nfunctions.a.image = "api"\n',
            "images.api.repository: is missing: dev runs that image, which has to be pushed",
        ),
        (
            IMAGES.replace("dev.example/worker", "r.example/api") + ECS,
            "images.worker.repository: is that of images.api too, and dev runs both: their tags would be the same",
        ),
        (
            IMAGES.replace("{ dev =", "{ prod =") + ECS,
            "images.worker.repositories.prod: is of no environment: add [environments.prod] or remove it",
        ),
        (
            IMAGES + ECS + 'services.web.containers = ["app"]\n',
            "services.web.images.app: is in `containers` too, which run the environment's own image: remove one",
        ),
        (IMAGES.replace("linux/arm64", "arm64") + ECS, "images.api.platform: must be a platform such as linux/arm64"),
        (
            IMAGES.replace('target = "app"', 'arguments = { VERSION = "1" }') + ECS,
            "images.api.arguments.VERSION: is given by tagship itself: give it another name",
        ),
        (
            IMAGES + '[environments.dev.ec2]\ntags = { a = "b" }\ncommand = ["x"]\ncontainer.image = "api"\n',
            'environments.dev.ec2.container.image: is for runtime = "docker": remove it',
        ),
    ],
)
def test_what_cannot_work_is_told_with_its_place(tmp_path: Path, text: str, error: str) -> None:
    assert error in errors(tmp_path, text)
