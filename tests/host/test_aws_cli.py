"""The real AWS CLI: what it prints is what the sandbox's stand-in prints, byte for byte, and what a host reads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.secrets import SECRETS_MANAGER, SSM, SecretRef
from tests.contract import strict_aws
from tests.sandbox.bundles import ROOT
from tests.sandbox.test_secrets_values import ODD, Host

STAND_IN = [sys.executable, "-IS", str(ROOT / "tagship/sandbox/hostbin/aws.py")]
NEVER = "0" * 36
VALUE = "".join(ODD) + "\n" + "x" * 3000 + " \n"


@pytest.fixture(scope="module")
def stored() -> dict[str, str]:
    """Secrets in the sandbox's AWS, and the version ids of those that have one."""
    aws = strict_aws.aws()
    for value in (VALUE, "newer"):
        aws.client("ssm").put_parameter(Name="/cli/a", Value=value, Type="SecureString", Overwrite=True)
    aws.client("ssm").put_parameter(Name="/cli/b", Value="plain", Type="String")
    vault = aws.client("secretsmanager")
    text = vault.create_secret(Name="cli/text", SecretString=VALUE)["VersionId"]
    binary = vault.create_secret(Name="cli/binary", SecretBinary=bytes(range(256)))["VersionId"]
    return {"cli/text": text, "cli/binary": binary}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A host's: no configuration of the machine's own."""
    return {
        "PATH": os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin")),
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": strict_aws.url(),
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LC_ALL": "C.UTF-8",
    }


def real(environment: dict[str, str]) -> list[str]:
    """The CLI of the machine; older ones know no AWS_ENDPOINT_URL."""
    found = shutil.which("aws", path=environment["PATH"])
    assert found, "the AWS CLI is missing: scripts/host_setup.sh installs it"
    return [found, "--endpoint-url", environment["AWS_ENDPOINT_URL"]]


def said(command: list[str], words: list[str], environment: dict[str, str]) -> tuple[int, bytes, bytes]:
    common = ["--region", "us-east-1", "--output", "json", "--cli-connect-timeout", "5", "--cli-read-timeout", "20"]
    done = subprocess.run([*command, *words, *common], env=environment, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "names",
    [["/cli/a:1", "/cli/b:1"], ["/cli/a:2"], ["/cli/b:1", "/cli/b:9", "/cli/nowhere:1"], ["/cli/a:9"]],
    ids=["two", "newest", "some are not there", "none"],
)
def test_parameters_are_printed_alike(stored: Any, environment: dict[str, str], names: list[str]) -> None:
    words = ["ssm", "get-parameters", "--with-decryption", "--names", *names]
    assert said(STAND_IN, words, environment) == said(real(environment), words, environment)


@pytest.mark.parametrize("name", ["cli/text", "cli/binary", "cli/nowhere", "no such version"])
def test_secrets_are_printed_alike(stored: dict[str, str], environment: dict[str, str], name: str) -> None:
    id_, version = ("cli/text", NEVER) if name == "no such version" else (name, stored.get(name, NEVER))
    words = ["secretsmanager", "get-secret-value", "--secret-id", id_, "--version-id", version]
    assert said(STAND_IN, words, environment) == said(real(environment), words, environment)


def test_a_host_reads_what_the_real_one_prints(
    stored: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    host = Host(tmp_path / "host", None)
    keys = "AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox AWS_EC2_METADATA_DISABLED=true"
    (host.bin / "aws").write_text(f'#!/bin/sh\n{keys} exec {" ".join(real(environment))} "$@"\n')
    wanted = {
        "OLDER": SecretRef(SSM, "/cli/a", "1"),
        "NEWER": SecretRef(SSM, "/cli/a", "2"),
        "SECRET": SecretRef(SECRETS_MANAGER, "cli/text", stored["cli/text"]),
    }
    assert host.environment(wanted) == {"OLDER": VALUE, "NEWER": "newer", "SECRET": VALUE}
