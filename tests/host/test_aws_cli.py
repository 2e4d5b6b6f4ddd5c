"""The real AWS CLI: what it prints is what the sandbox's stand-in prints, byte for byte, and what a host reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.secrets import SECRETS_MANAGER, SSM, SecretRef
from tests.contract import strict_aws
from tests.host import cloud
from tests.host.host import BUCKET
from tests.host.registry import PASSWORD
from tests.program.test_secrets_values import ODD, Host
from tests.sandbox.bundles import COMMIT, ROOT, make
from tests.sandbox.machine import Machine, machine

STAND_IN = [sys.executable, "-IS", str(ROOT / "tagship/sandbox/hosts/hostbin/aws.py")]
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
        "LC_ALL": "C.UTF-8",
        **cloud.KEYS,
    }


def real(environment: dict[str, str]) -> list[str]:
    """The CLI of the machine; older ones know no AWS_ENDPOINT_URL."""
    return [str(cloud.real_cli()), "--endpoint-url", environment["AWS_ENDPOINT_URL"]]


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
    (host.bin / "aws").write_text(cloud.program(strict_aws.url()))
    wanted = {
        "OLDER": SecretRef(SSM, "/cli/a", "1"),
        "NEWER": SecretRef(SSM, "/cli/a", "2"),
        "SECRET": SecretRef(SECRETS_MANAGER, "cli/text", stored["cli/text"]),
    }
    assert host.environment(wanted) == {"OLDER": VALUE, "NEWER": "newer", "SECRET": VALUE}


# -- S3 and ECR --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bucket() -> str:
    """One with an artifact in it, 0.7.0-dev, and one that nobody signed, 0.7.1-dev. Nobody else uses these."""
    cloud.put(make("0.7.0-dev"))
    cloud.put(replace(make("0.7.1-dev"), signature=None))
    return BUCKET


def test_an_object_is_copied_alike(bucket: str, environment: dict[str, str], tmp_path: Path) -> None:
    source, copied = f"s3://{bucket}/{key('0.7.0-dev', layout.BUNDLE)}", list[tuple[int, bytes, bytes]]()
    for command in (STAND_IN, real(environment)):
        target = tmp_path / str(len(copied))
        code, _, errors = said(command, ["s3", "cp", source, str(target)], environment)
        copied.append((code, errors, target.read_bytes()))
    assert copied[0] == copied[1]


def key(artifact: str, name: str) -> str:
    return layout.artifact("hello", "dev", artifact, name)


def test_an_object_that_is_not_there_is_told_alike(bucket: str, environment: dict[str, str], tmp_path: Path) -> None:
    """By the word that stage 1 takes for "there is no signature"."""
    target = tmp_path / "signature"
    words = ["s3", "cp", f"s3://{bucket}/{key('0.7.1-dev', layout.SIGNATURE)}", str(target)]
    told = [said(command, words, environment) for command in (STAND_IN, real(environment))]
    assert told[0][0] == told[1][0] == 1
    assert told[0][2].strip() == told[1][2].strip()
    assert b"(404)" in told[1][2]
    assert not target.exists()


def test_the_head_of_an_object_is_printed_alike(bucket: str, environment: dict[str, str]) -> None:
    """All that the stand-in prints the real one prints, too; user data reads it line by line."""
    words = ["s3api", "head-object", "--bucket", bucket, "--key", key("0.7.0-dev", layout.BUNDLE)]
    played, printed = (said(command, words, environment) for command in (STAND_IN, real(environment)))
    assert (played[0], printed[0]) == (0, 0), printed
    assert json.loads(played[1]).items() <= json.loads(printed[1]).items()
    assert f'        "commit-sha": "{COMMIT}"' in printed[1].decode().splitlines()
    words[-1] = key("0.9.9-dev", layout.BUNDLE)
    played, printed = (said(command, words, environment) for command in (STAND_IN, real(environment)))
    assert (played[0], b"(404)" in played[2]) == (printed[0], b"(404)" in printed[2]) == (254, True)


def test_the_password_of_ecr_is_printed_and_nothing_else(environment: dict[str, str]) -> None:
    assert said(real(environment), ["ecr", "get-login-password"], environment) == (0, f"{PASSWORD}\n".encode(), b"")


@pytest.fixture
def host(bucket: str, tmp_path: Path) -> Iterator[Machine]:
    """A host whose `aws` is the real one, and which takes what nobody signed where the order does."""
    with machine(tmp_path) as one:
        one.tool("aws", cloud.program(strict_aws.url()))
        (one.root / "etc/tagship/hello/allow-unsigned").touch()
        yield one


def test_a_host_fetches_what_is_signed_with_the_real_one(host: Machine) -> None:
    answer = host.deploy(make("0.7.0-dev"), unsigned="allowed")
    assert (answer.outcome, answer.unsigned, host.answers()) == ("healthy", False, "0.7.0-dev"), answer.output


def test_a_host_knows_by_the_words_of_the_real_one_that_there_is_no_signature(host: Machine) -> None:
    answer = host.deploy(make("0.7.1-dev"))
    assert answer.outcome == "refused", answer.output
    assert answer.reason == "nobody signed 0.7.1-dev, and the order does not allow that"
    answer = host.deploy(make("0.7.1-dev"), unsigned="allowed")
    assert (answer.outcome, answer.unsigned) == ("healthy", True), answer.output


def test_a_signature_that_the_real_one_cannot_reach_is_not_one_that_is_not_there(host: Machine) -> None:
    host.tool("aws-cut-off", cloud.program("http://127.0.0.1:9"))
    turn = 'case $3 in *.sig) exec aws-cut-off "$@" ;; esac'
    host.tool("aws", cloud.program(strict_aws.url()).replace("\n", f"\n{turn}\n", 1))
    answer = host.deploy(make("0.7.1-dev"), unsigned="allowed")
    assert (answer.outcome, host.answers()) == ("refused", ""), answer.output
    assert "manifest.sig could not be fetched: " in answer.reason
