"""What of a host an app sees beside its release, and what a container runs in place of its image's words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.fakes.app import environments, settings

DOCKER: dict[str, Any] = {"runtime": "docker", "manager": "systemd"}


def conf(health: dict[str, Any] | None = None, **ec2: Any) -> str:
    image = {"repository": "r.example/hello"}
    chosen = settings(environments=environments(ec2=ec2, image=image, health=health or {})).environments["dev"]
    return next(iter(chosen.target.files("dev", chosen, "us-east-1").values())).decode()


def test_a_volume_is_one_word_of_the_hosts_conf() -> None:
    one = [{"host": "/srv/hello", "container": "/data"}]
    assert "VOLUMES=/srv/hello:/data:rw\n" in conf(manager="systemd", volumes=one)
    two = [{"host": "/srv/a"}, {"host": "/srv/b", "read_only": True}]
    assert "VOLUMES='/srv/a:/srv/a:rw /srv/b:/srv/b:ro'\n" in conf(manager="systemd", volumes=two)
    assert "VOLUMES" not in conf(manager="systemd")


@pytest.mark.parametrize("host", ["data", "/srv/../etc", "/srv/a:b", "/srv/a b", "/", "/srv/a\n"])
def test_a_folder_that_is_no_plain_absolute_path_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match=r"volumes\.0\.host"):
        conf(manager="systemd", volumes=[{"host": host}])


def test_what_a_container_runs_in_place_of_its_images_words_is_in_the_conf() -> None:
    text = conf(**DOCKER, container={"entrypoint": "/bin/worker", "command": ["--queue", "a b"]})
    assert "ENTRYPOINT=/bin/worker\n" in text
    assert """ARGUMENTS='--queue '"'"'a b'"'"''\n""" in text
    assert "ARGUMENTS" not in conf(**DOCKER)


def test_a_rollback_runs_a_job_only_if_the_settings_say_so() -> None:
    job = {"kind": "job", "manager": "systemd"}
    assert "RUN_AT_ROLLBACK" not in conf(**job)
    assert "RUN_AT_ROLLBACK=true\n" in conf(**job, run_at_rollback=True)


def test_an_app_that_answers_nothing_is_healthy_by_staying_up() -> None:
    assert "ALIVE=10\n" in conf(health={"kind": "alive", "seconds": 10})
    assert "ALIVE" not in conf()
