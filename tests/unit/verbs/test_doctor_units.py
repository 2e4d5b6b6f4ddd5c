"""doctor, of what it asks hosts, the registry and the bucket: each check fails here if nobody looks any more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.inspection import inspection_of
from tagship.ports.account import ImageRepository
from tagship.ports.forge import Home, Protection
from tagship.verbs.deploy import deploy
from tagship.verbs.doctor import doctor
from tests.fakes.app import FakeApp, environments
from tests.fakes.images import FakeImages
from tests.fakes.secrets import FakeSecrets
from tests.unit.verbs.test_doctor import healthy, seen

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"
KEEPS_THREE = json.dumps(
    {"rules": [{"selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3}}]}
)


def rows(app: FakeApp, about: str) -> list[tuple[str, str, str]]:
    return [(each.state, each.words, each.fix) for each in doctor(app).findings if each.about == about]


# -- hosts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        ({"free_kb": 9_000_000, "free_inodes": 900_000}, "ok", "enough disk and inodes"),
        ({"free_kb": 700_000}, "warning", "little on web-1: 700 MB free"),
        ({"free_kb": 90_000, "free_inodes": 12}, "failing", "too little on web-1: 90 MB free, 12 inodes free"),
        ({"free_kb": 9_000_000, "free_inodes": 12}, "failing", "too little on web-1: 12 inodes free"),
        ("it is gone", "warning", "was not looked at (web-1: it is gone)"),
    ],
)
def test_the_room_on_hosts_is_looked_at(tmp_path: Path, facts: Any, state: str, words: str) -> None:
    app = healthy(tmp_path)
    app.hosts.facts["web-1"] = facts
    assert seen(app, "dev: host room")[:2] == (state, words)


def test_what_ran_on_a_host_before_is_named(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    assert rows(app, "dev: web-1") == []
    app.hosts.facts["web-1"] = {"files": [".env", "app.py"], "units": ["hello.service"], "port": ["python3"]}
    [(state, words, _)] = rows(app, "dev: web-1")
    assert state == "warning"
    assert words == "ran something before tagship: the folder has .env, app.py; the unit hello.service"


def test_a_program_on_the_apps_port_is_named_if_nothing_else_explains_it(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    app.hosts.facts["web-1"] = {"port": ["nginx"]}
    [(_, words, _)] = rows(app, "dev: web-1")
    assert words.endswith("the port is taken by nginx")


def test_a_folder_that_the_next_deployment_would_refuse_fails(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    app.hosts.facts["web-1"] = {"folders": [("/srv/a of volumes is missing", "On the host: mkdir -p /srv/a")]}
    told = [("failing", "/srv/a of volumes is missing", "On the host: mkdir -p /srv/a")]
    assert rows(app, "dev: web-1") == told


def test_facts_of_the_wrong_kind_are_left_out() -> None:
    assert inspection_of({"free_kb": "much", "files": "all", "units": [1, "a.service"], "ours": "yes"}).units == (
        "a.service",
    )


# -- a way back --------------------------------------------------------------------------------------------------------


def ran(app: FakeApp, *versions: str) -> None:
    app.publish(*versions)
    for version in versions:
        deploy(app, artifact=version, env="dev")
    app.screen.lines.clear()


def test_every_version_that_a_rollback_offers_is_read(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    ran(app, "0.1.1-dev", "0.1.2-dev", "0.1.3-dev")
    assert seen(app, "dev: way back")[1] == "to 0.1.2-dev, which is stored, whole and signed (2 in all)"
    del app.store.objects[layout.artifact("hello", "dev", "0.1.2-dev", layout.BUNDLE)]
    warned, left = rows(app, "dev: way back")
    assert warned[0] == "warning"
    assert warned[1].startswith("0.1.2-dev, to go back to, is not whole: The bundle of 0.1.2-dev is gone")
    assert left[:2] == ("ok", "to 0.1.1-dev, which is stored, whole and signed (1 in all)")
    del app.store.objects[layout.artifact("hello", "dev", "0.1.1-dev", layout.BUNDLE)]
    assert rows(app, "dev: way back")[-1] == ("failing", "none of 2 versions can be gone back to", "")


def test_what_ran_before_tagship_is_a_way_back(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    assert seen(app, "dev: way back")[1] == "no version to go back to"
    app.hosts.facts["web-1"] = {"ours": "yes", "adopted": "yes"}
    undo = "inv adopt --env dev --undo"
    assert seen(app, "dev: way back")[1] == f"no version yet; what ran before tagship is kept: {undo}"
    ran(app, "0.1.1-dev", "0.1.2-dev")
    del app.store.objects[layout.artifact("hello", "dev", "0.1.1-dev", layout.BUNDLE)]
    assert rows(app, "dev: way back")[-1] == ("failing", "none of 1 version can be gone back to", undo)


# -- images ------------------------------------------------------------------------------------------------------------


def with_images(root: Path) -> FakeApp:
    ec2 = {"runtime": "docker", "command": []}
    app = healthy(root, environments=environments(ec2=ec2, image={"repository": IMAGE}))
    app.given["registry"] = FakeImages()
    return app


@pytest.mark.parametrize(
    ("images", "state", "words"),
    [
        (ImageRepository(False), "ok", "hello keeps every version's image"),
        (ImageRepository(True), "warning", "a push may move a version's tag in hello"),
        (
            ImageRepository(False, KEEPS_THREE),
            "warning",
            "the lifecycle policy of hello keeps the newest 3 images alone: older versions can't be gone back to",
        ),
    ],
)
def test_how_the_registry_keeps_images_is_looked_at(
    tmp_path: Path, images: ImageRepository, state: str, words: str
) -> None:
    app = with_images(tmp_path)
    app.given["foundation"].images = images
    assert seen(app, "dev: images")[:2] == (state, words)


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_secrets_that_are_not_there_are_named_and_no_value_is_asked_for(tmp_path: Path) -> None:
    wanted = {"parameter_store": "/hello/dev/", "secrets_manager": {"TOKEN": "hello/dev/api#token"}}
    app = healthy(tmp_path, environments=environments(secrets=wanted))
    app.given["secrets"] = FakeSecrets()
    missing, secret = rows(app, "dev: secrets")
    assert missing[:2] == ("failing", "there is no parameter below /hello/dev/")
    assert missing[2].startswith("aws ssm put-parameter")
    assert secret[:2] == ("failing", "The secret hello/dev/api does not exist in us-east-1")
    app.given["secrets"] = FakeSecrets({"/hello/dev/db": "1"}, {"hello/dev/api": "v1"})
    assert rows(app, "dev: secrets") == [("ok", "2 values there", "")]


# -- GitHub ------------------------------------------------------------------------------------------------------------


def test_a_newer_repository_has_to_be_trusted_by_its_numbers(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    assert seen(app, "dev: subject")[:2] == ("ok", "repo:acme/hello:environment:dev")
    app.given["forge"].owned = Home("12", "34", "2026-07-15T09:00:00Z")
    assert seen(app, "dev: subject") == (
        "failing",
        "GitHub's tokens name acme@12/hello@34, and the role trusts acme/hello alone",
        "inv setup --owner-id 12 --repository-id 34",
    )


def test_a_private_repository_is_told_what_approvals_need(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    app.given["forge"].owned = Home("12", "34", "2024-01-01T00:00:00Z", private=True)
    assert "on GitHub Enterprise alone" in seen(app, "dev: GitHub")[1]
    app.given["forge"].gates["dev"] = Protection(("tag *-dev",), reviewed=True)
    assert seen(app, "dev: GitHub")[1].endswith("somebody has to approve")
