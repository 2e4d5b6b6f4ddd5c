"""[environments.<env>.secrets] of tagship.toml: what may be said there, and what is told of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.errors import SettingsError
from tagship.settings import Settings, load
from tests.unit.settings_text import APP

MINIMAL = (
    APP
    + """\

[environments.dev]
ec2.command = ["python3", "app.py"]
ec2.tags = { Name = "hello" }
variables = { GREETING = "hello" }

[environments.dev.secrets]
"""
)


def read(folder: Path, secrets: str) -> Settings:
    path = folder / "tagship.toml"
    path.write_text(MINIMAL + secrets)
    return load(path, {})


def told(folder: Path, secrets: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(folder, secrets)
    return caught.value.what


@pytest.mark.parametrize("path", ["/hello/dev/", "/hello/dev", "/a.b/c-d_e"])
def test_a_path_of_parameter_store(tmp_path: Path, path: str) -> None:
    assert read(tmp_path, f'parameter_store = "{path}"').environments["dev"].secrets.parameter_store == path


@pytest.mark.parametrize("path", ["/", "hello/dev", "/hello//dev", "/hello/dev/*", "/hello dev/"])
def test_what_is_no_path_of_parameter_store(tmp_path: Path, path: str) -> None:
    assert "must be a path of Parameter Store such as /hello/dev/" in told(tmp_path, f'parameter_store = "{path}"')


@pytest.mark.parametrize("name", ["hello/dev/db", "db", "a.b@c=d+e_f-g", "hello/api#token", "hello/api#to.ken-1"])
def test_a_secrets_name(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, f'secrets_manager = {{ DB = "{name}" }}').environments["dev"].secrets.secrets_manager == {
        "DB": name
    }


@pytest.mark.parametrize("name", ["", "-db", "a b", "db#", "db#a b", "db#a#b", "$(id)", "db\\n"])
def test_what_is_no_secrets_name(tmp_path: Path, name: str) -> None:
    assert "must be a secret's name such as hello/dev/db" in told(tmp_path, f'secrets_manager = {{ DB = "{name}" }}')


@pytest.mark.parametrize(
    ("variable", "what"),
    [
        ("PORT", "is set by tagship itself: give it another name"),
        ("RANDOM", "is set by the host itself: give it another name"),
        ("GREETING", "is set by variables.GREETING too: remove one"),
    ],
)
def test_a_variable_that_is_taken(tmp_path: Path, variable: str, what: str) -> None:
    secrets = f'secrets_manager = {{ {variable} = "hello/db" }}'
    assert f"environments.dev.secrets.secrets_manager.{variable}: {what}" in told(tmp_path, secrets)
