"""The conf of an environment: any value survives, and nothing in it is run."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagship.domain.ec2 import hostconf
from tagship.errors import SettingsError
from tagship.settings import Settings, settings_of
from tagship.settings.ec2 import Ec2

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=60)
NAME = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,20}\Z").filter(
    lambda name: name not in hostconf.RESERVED | hostconf.SHELLS_OWN and not name.startswith("BASH")
)


def made(**environment: Any) -> Settings:
    hosts = {"tags": {"Name": "x"}, "command": ["./run"]}
    hosts |= {key: environment.pop(key) for key in list(environment) if key in Ec2.model_fields}
    dev = {"ec2": hosts, **environment}
    value = {
        "app": "hello",
        "aws": {"bucket": "hello-artifacts"},
        "signing": {"key": "k", "public_key": "p"},
        "environments": {"dev": dev, "prod": {**dev, "ec2": {**hosts, "port": 9}}},
    }
    return settings_of().model_validate_json(json.dumps(value))


def test_every_environment_has_a_conf_in_the_bundle() -> None:
    files = made().files()
    assert list(files) == ["deploy/environments/dev.conf", "deploy/environments/prod.conf"]
    assert b"PORT=9\n" in files["deploy/environments/prod.conf"]


def test_the_conf_in_full() -> None:
    settings = made(variables={"B": "2", "A": "it's"}, command=["python3", "my app.py"], health={"cap": 2})
    assert settings.files()["deploy/environments/dev.conf"].decode() == (
        "REGION=us-east-1\nRUNTIME=process\nMANAGER=process\nPORT=8080\n"
        "HEALTH_PATH=/healthz\nHEALTH_VERSION_KEY=version\n"
        """COMMAND='python3 '"'"'my app.py'"'"''\nVARIABLES='A B'\nVARIABLE_A='it'"'"'s'\nVARIABLE_B=2\n"""
    )


def test_a_unit_of_systemd_is_told_its_limits_and_its_account() -> None:
    told = {"manager": "systemd", "limits": {"memory": "64m", "pids": 50}}
    conf = made(**told).files()["deploy/environments/dev.conf"].decode()
    assert "\nMEMORY=64m\nPIDS=50\n" in conf
    assert "ACCOUNT=" not in conf  # app-<app>, which the host names
    assert "\nACCOUNT=web\n" in made(**told, user="web").files()["deploy/environments/dev.conf"].decode()


def test_what_opens_a_wall_is_in_the_conf_only_where_it_was_asked_for() -> None:
    docker = {"manager": "systemd", "runtime": "docker", "image": {"repository": "r"}}
    closed = made(**docker).files()["deploy/environments/dev.conf"].decode()
    assert "\nCAPABILITIES=''\n" in closed
    assert [key for key in ("METADATA", "TRUSTED_PROXIES", "CONTAINER_ROOT") if key in closed] == []
    opened = {
        "metadata": True,
        "trusted_proxies": ["10.0.0.0/16", "fd00::/8"],
        "container": {"root": True, "capabilities": ["CHOWN", "NET_RAW"]},
    }
    conf = made(**docker, **opened).files()["deploy/environments/dev.conf"].decode()
    for line in (
        "METADATA=open",
        "TRUSTED_PROXIES='10.0.0.0/16 fd00::/8'",
        "CAPABILITIES='CHOWN NET_RAW'",
        "CONTAINER_ROOT=allowed",
    ):
        assert f"\n{line}\n" in conf


@pytest.mark.starts("bash")
@settings(max_examples=40)
@given(st.dictionaries(NAME, TEXT, max_size=4), st.lists(TEXT.filter(bool), min_size=1, max_size=4))
def test_bash_reads_back_exactly_what_was_set(variables: dict[str, str], command: list[str]) -> None:
    conf = made(variables=variables, command=command).files()["deploy/environments/dev.conf"].decode()
    script = (
        """eval "set -- $COMMAND"; printf '%s\\0' "$@"; """
        """for n in $VARIABLES; do v=VARIABLE_$n; printf '%s\\0' "${!v}"; done"""
    )
    done = subprocess.run(["bash", "-s"], input=f"set -u\n{conf}{script}\n".encode(), capture_output=True, check=True)
    expected = [*command, *(variables[name] for name in sorted(variables))]
    assert done.stdout.decode().split("\0")[:-1] == expected
    assert done.stderr == b""


@pytest.mark.parametrize("name", ["A B", "x;touch pwned", "1A", "", "ü", "A\n", "PORT", "VERSION", "UID", "BASH_ENV"])
def test_a_variable_that_no_host_could_set_is_an_error(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        hostconf.conf("dev", {"RUNTIME": "process"}, {name: "x"})
    assert repr(name) in caught.value.what
    assert "[environments.dev.variables]" in caught.value.remedy


def test_a_value_with_a_nul_is_an_error() -> None:
    with pytest.raises(SettingsError, match="NUL"):
        made(variables={"A": "x\0y"}).files()


def test_the_command_is_one_word_that_splits_into_its_arguments() -> None:
    lines = made(command=["a b", "$c"]).files()["deploy/environments/dev.conf"].decode().splitlines()
    [line] = [line for line in lines if line.startswith("COMMAND=")]
    assert shlex.split(shlex.split(line.removeprefix("COMMAND="))[0]) == ["a b", "$c"]
