"""Whose jobs get each role of an environment: derived from the settings, or as they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tagship.errors import SettingsError
from tagship.settings import Settings, load
from tagship.settings.trust import files, refs, trusted

MINIMAL = """
app = "hello"
[aws]
bucket = "hello-artifacts"
[signing]
key = "kms:alias/hello"
public_key = "hello.pub.pem"
"""
ENVIRONMENT = """
[environments.{name}]
{more}
[environments.{name}.ec2]
command = ["true"]
tags = {{ app = "hello" }}
"""
ROLLBACK, VERIFY = ("rollback.yml@refs/heads/main",), ("verify.yml@refs/heads/main",)
Read = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def made(top: str = "", **environments: str) -> Settings:
        tables = [ENVIRONMENT.format(name=name, more=more) for name, more in environments.items()]
        file = tmp_path / "tagship.toml"
        file.write_text(MINIMAL + top + "".join(tables), "utf-8")
        return load(file, {})

    return made


ORDER = '[promotion]\norder = ["dev", "preprod", "prod"]\n'


def three(read: Read, **more: str) -> Settings:
    return read(ORDER, **{"dev": "", "preprod": "", "prod": "", **more})


def shipping(settings: Settings) -> Mapping[str, Any]:
    return {name: trusted(settings, name)["ship"] for name in settings.environments}


def test_without_an_order_a_tag_alone_ships(read: Read) -> None:
    settings = read(dev="", final='suffix = ""')
    assert shipping(settings) == {
        "dev": ("deploy-dev.yml@refs/tags/*-dev",),
        "final": ("deploy-final.yml@refs/tags/*",),
    }
    assert trusted(settings, "dev")["rollback"] == ROLLBACK
    assert trusted(settings, "dev")["verify"] == VERIFY


def test_each_environment_of_an_order_trusts_what_init_writes_for_it(read: Read) -> None:
    assert shipping(three(read)) == {
        "dev": ("deploy-dev.yml@refs/tags/*-dev", "deploy.yml@refs/heads/main"),
        "preprod": (
            "deploy-preprod.yml@refs/tags/*-preprod",
            "build-and-promote.yml@refs/heads/main",
            "deploy.yml@refs/heads/main",
        ),
        "prod": ("deploy-prod.yml@refs/heads/main",),
    }


def test_what_is_last_is_promoted_to_and_nothing_else_ships_there(read: Read) -> None:
    """By a tag, or by the workflow for every environment, nobody would be asked."""
    assert shipping(three(read, prod='workflow = "ship-prod.yml"'))["prod"] == ("ship-prod.yml@refs/heads/main",)


def test_branches_are_those_of_the_settings(read: Read) -> None:
    settings = three(read, preprod='branch = "trunk"', staging='branch = "staging"')
    assert "build-and-promote.yml@refs/heads/trunk" in shipping(settings)["preprod"]
    assert shipping(settings)["staging"][-1] == "deploy.yml@refs/heads/staging"
    other = read('[ci]\nbranch = "trunk"\n', dev="")
    assert trusted(other, "dev")["verify"] == ("verify.yml@refs/heads/trunk",)


def test_a_team_says_its_own(read: Read) -> None:
    own = 'workflows = { ship = ["cd.yml@refs/heads/main", "cd.yml@refs/tags/v*"], rollback = [] }'
    roles = trusted(read(dev=own), "dev")
    assert roles == {
        "ship": ("cd.yml@refs/heads/main", "cd.yml@refs/tags/v*"),
        "rollback": (),
        "verify": VERIFY,
    }
    assert files(roles["ship"]) == ["cd.yml"]


def test_an_environment_that_pins_no_workflow_pins_none_for_any_role(read: Read) -> None:
    settings = read(dev='workflow = ""')
    assert trusted(settings, "dev") == dict.fromkeys(("ship", "rollback", "verify"), ("*",))
    assert files(("*",)) == []
    assert refs(settings, "dev") == [("tag", "*-dev"), ("branch", "main")]


@pytest.mark.parametrize(
    "source",
    ["cd.yml", "cd.yml@main", "cd.yml@refs/heads/release-*", "cd.yml@refs/pull/1/merge", "../cd.yml@refs/heads/main"],
)
def test_a_source_is_a_file_at_a_whole_branch_or_at_tags(read: Read, source: str) -> None:
    with pytest.raises(SettingsError, match=r"a workflow file at a branch or tag") as caught:
        read(dev=f'workflows.verify = ["{source}"]')
    assert "environments.dev.workflows.verify" in str(caught.value)


def test_somebody_has_to_ship(read: Read) -> None:
    with pytest.raises(SettingsError, match=r"environments\.dev\.workflows\.ship"):
        read(dev="workflows.ship = []")


def test_githubs_environment_is_for_the_refs_of_every_role(read: Read) -> None:
    settings = three(read)
    assert refs(settings, "dev") == [("tag", "*-dev"), ("branch", "main")]
    assert refs(settings, "prod") == [("branch", "main")]
    assert refs(settings, "dev", is_there=lambda file: file == "deploy-dev.yml") == [("tag", "*-dev")]
    assert refs(read(dev='suffix = ""'), "dev")[0] == ("tag", "[0-9]*")


def test_the_workflow_that_promotes_says_where_it_went(read: Read) -> None:
    with pytest.raises(SettingsError) as caught:
        read('[promotion]\norder = ["dev"]\nworkflow = "promote.yml"\nbranch = "main"\n', dev="")
    for key in ("workflow", "branch"):
        assert f'promotion.{key} is gone: write ship = ["promote.yml@refs/heads/main"]' in str(caught.value)
