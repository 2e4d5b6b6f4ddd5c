"""What of a host an app sees beside its release, and what a container runs in place of its image's words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tagship.settings.bounds import of_volumes
from tagship.settings.ec2 import Ec2
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


def test_an_owner_is_a_word_of_its_own_so_that_an_older_host_program_passes_over_it() -> None:
    volumes = [{"host": "/srv/a", "owner": "1000:1000"}, {"host": "/srv/b"}, {"host": "/srv/c", "owner": "shopkeeper"}]
    text = conf(manager="systemd", volumes=volumes)
    assert "VOLUMES='/srv/a:/srv/a:rw /srv/b:/srv/b:rw /srv/c:/srv/c:rw'\n" in text
    assert "OWNERS='/srv/a=1000:1000 /srv/c=shopkeeper'\n" in text
    assert "OWNERS" not in conf(manager="systemd", volumes=volumes[1:2])


@pytest.mark.parametrize("owner", ["Shop Keeper", "1000:", ":1000", "a:b:c", "-R", "root;id", "$(id)", "1000\n"])
def test_an_owner_that_is_no_account_or_number_is_refused(owner: str) -> None:
    with pytest.raises(ValidationError, match=r"volumes\.0\.owner"):
        conf(manager="systemd", volumes=[{"host": "/srv/a", "owner": owner}])


@pytest.mark.parametrize(
    ("volumes", "problem"),
    [
        ([{"host": "/a", "owner": "5000000000"}], '0.owner: "5000000000" has a number above 4294967294'),
        (
            [{"host": "/a", "owner": "ada"}, {"host": "/a", "container": "/b", "owner": "bob"}],
            '1.owner: "bob" is not the owner that /a has above: ada',
        ),
        (
            [{"host": "/a", "container": "/data"}, {"host": "/b", "container": "/data"}],
            "1.container: /data is where the app sees another folder",
        ),
        ([{"host": "/data"}, {"host": "/b", "container": "/data"}], "1.container: /data is where the app sees another"),
    ],
)
def test_volumes_that_contradict_each_other_are_told(volumes: list[dict[str, Any]], problem: str) -> None:
    found = [f"{place}: {words}" for place, words in of_volumes(volumes)]
    assert len(found) == 1
    assert found[0].startswith(problem)
    environment = {"ec2": {"tags": {"a": "b"}, "manager": "systemd", "volumes": volumes}}
    assert f"ec2.volumes.{found[0]}" in [f"{place}: {words}" for place, words in Ec2.problems_in(environment)]


@pytest.mark.parametrize("volumes", ["x", 3, [3], [{"host": 3, "owner": []}], [{"container": {}}]])
def test_volumes_of_a_wrong_type_are_left_to_the_types(volumes: Any) -> None:
    assert list(of_volumes(volumes)) == []


def test_containers_may_be_called_otherwise_than_the_app() -> None:
    assert "CONTAINER=shop\n" in conf(**DOCKER, container={"name": "shop"})
    assert "CONTAINER=" not in conf(**DOCKER)
    for name in ("-shop", "a b", "a.b", "a$(id)", "a" * 41):
        with pytest.raises(ValidationError, match=r"container\.name"):
            conf(**DOCKER, container={"name": name})
    environment = {"ec2": {"tags": {"a": "b"}, "command": ["a"], "container": {"name": "shop"}}}
    assert ("ec2.container.name", 'is for containers: runtime = "docker"') in Ec2.problems_in(environment)


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
