"""The infra table: what may be in it, and what cannot work together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.errors import SettingsError
from tagship.settings import Settings, load
from tests.unit.settings_text import APP

ENVIRONMENT = """
[environments.{name}]
ec2.command = ["python3", "app.py"]
ec2.tags = {{ Name = "hello" }}
infra = {{ {infra} }}
"""


def read(folder: Path, **infra: str) -> Settings:
    path = folder / "tagship.toml"
    path.write_text(APP + "".join(ENVIRONMENT.format(name=name, infra=one) for name, one in infra.items()), "utf-8")
    return load(path, {})


def test_each_environment_has_a_state_of_its_own(tmp_path: Path) -> None:
    settings = read(tmp_path, dev='directory = "infra"', prod='directory = "infra", state_bucket = "states"')
    assert settings.state("dev") == ("hello-artifacts", "hello/_infra/dev/terraform.tfstate")
    assert settings.state("prod") == ("states", "hello/_infra/prod/terraform.tfstate")


def test_a_states_place_can_have_the_accounts_id_and_what_an_environment_is_called(tmp_path: Path) -> None:
    place = 'directory = "i", state_bucket = "{account}-states-{region}", state_key = "x/{environment}/s.tfstate"'
    settings = read(tmp_path, dev=place, prod=place)
    assert settings.state("dev", "123456789012") == ("123456789012-states-us-east-1", "x/dev/s.tfstate")
    assert settings.state("prod") == ("{account}-states-us-east-1", "x/prod/s.tfstate")


@pytest.mark.parametrize(
    "place", ['state_bucket = "{who}-states"', 'state_key = "{env}/x"', 'state_key = "{account}/"']
)
def test_a_name_in_braces_that_is_none_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(SettingsError, match=r"infra\.state_(bucket|key): must be"):
        read(tmp_path, dev=f'directory = "i", {place}')


def test_a_state_can_be_where_the_team_has_it(tmp_path: Path) -> None:
    settings = read(tmp_path, dev='directory = "i", state_bucket = "states", state_key = "dev/terraform.tfstate"')
    assert settings.state("dev") == ("states", "dev/terraform.tfstate")


@pytest.mark.parametrize(
    ("infra", "what"),
    [
        ('command = ["cdk"]', 'infra.command: needs the directory that it runs in: infra.directory = "."'),
        ('directory = ".", command = ["cdk"], plan_only = true', "infra.plan_only: is Terraform's"),
        ('directory = ".", command = ["cdk"], state_key = "a/b"', "infra.state_key: is Terraform's"),
        ('directory = ".", command = ["cdk"], var_files = ["a.tfvars"]', "infra.var_files: is Terraform's"),
        ('directory = "i", outputs = "x.json"', "infra.outputs: is for infra.command"),
        ('directory = "i", var_files = ["../x.tfvars"]', 'infra.var_files: "../x.tfvars" is outside the repository'),
        ('directory = ".", command = ["x"], outputs = "/x"', 'infra.outputs: "/x" is outside the repository'),
        ('directory = "../elsewhere"', 'infra.directory: "../elsewhere" is outside the repository'),
        ('directory = "/etc"', 'infra.directory: "/etc" is outside the repository'),
        ('variables = { image_digest = "x" }', "infra.variables.image_digest: is set by tagship itself"),
        ('variables = { TF_VAR_environment = "x" }', "infra.variables.TF_VAR_environment: is set by tagship itself"),
        ('state_key = "/dev/x"', "infra.state_key: must be a key such as {environment}/terraform.tfstate"),
        ('state_bucket = "No"', "infra.state_bucket: must be a bucket's name"),
        ("lock_timeout = -1", "infra.lock_timeout: must be 0 or more; is -1"),
        ("workspace = true", "infra.workspace: unknown key"),
    ],
)
def test_what_cannot_work_is_told(tmp_path: Path, infra: str, what: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, dev=infra)
    assert f"environments.dev.{what}" in caught.value.what


def test_two_environments_in_one_state_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"prod.infra.state_key: is the state of environments.dev too"):
        read(tmp_path, dev='directory = "i", state_key = "x/y"', prod='directory = "i", state_key = "x/y"')


def test_one_key_in_two_buckets_is_two_states(tmp_path: Path) -> None:
    read(tmp_path, dev='state_key = "x/y"', prod='state_key = "x/y", state_bucket = "states"')
