"""The linters of scripts/lint: what they would say of code and policies that are wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.lint import code, policies

TOP = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("x = random()  # noqa: S311 (jitter)", {"B311"}),
        ("x = random()  # noqa: E501, S311 (jitter)", {"B311"}),
        ("x = random()  # noqa: E501", set()),
        ("x = random()  # nosec B311 (jitter)", set()),  # bandit's own: it does not report it at all
        ("x = random()", set()),
    ],
)
def test_an_exception_from_a_rule_of_ruffs_is_one_from_bandits(line: str, rules: set[str]) -> None:
    assert code.excepted(line) == rules


@pytest.mark.parametrize("line", ["x  # noqa: S311", "x  # noqa: S311 ()", "x  # nosec B311", "x  # noqa: S311, E501"])
def test_an_exception_without_a_reason_is_noticed(line: str) -> None:
    assert code.unexplained(line)


@pytest.mark.parametrize("line", ["x  # noqa: S311 (jitter)", "x  # nosec B311 (jitter)", "x  # noqa: E501", "x"])
def test_a_reason_or_another_rule_is_not(line: str) -> None:
    assert not code.unexplained(line)


def policy(*actions: str, resource: str = "*") -> dict[str, object]:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize(
    ("actions", "finding"),
    [
        (["iam:PassRole", "ec2:RunInstances"], "escalation CreateEC2WithExistingIP"),
        (["s3:GetObject"], "exfiltration s3:GetObject"),
        (["iam:PutRolePolicy"], "permissions iam:PutRolePolicy"),
        (["s3:DeleteObject"], "unbounded s3:DeleteObject"),
        (["s3:*"], "wildcard s3"),
        (["s3:GetObjekt"], "UNKNOWN_ACTION s3:GetObjekt"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_a_policy_that_allows_too_much_is_noticed(actions: list[str], finding: str) -> None:
    assert finding in {*policies.findings("Ci/release", policy(*actions))} - {what for _, what in policies.EXPLAINED}


def test_every_policy_of_the_templates_is_looked_at() -> None:
    names = {name for name, _ in policies.policies()}
    assert {
        "Ci/release",
        "People",
        "PeopleOfFunctions",
        "PeopleOfSites",
        "Host/run",
        "Notify/read",
        "Cleanup/cleanup",
        "ArtifactsPolicy",
    } <= names
    assert {"Ci/AssumeRolePolicyDocument", "SigningKey/KeyPolicy"} <= names


def test_every_exception_of_a_shell_script_has_its_reason_beside_it() -> None:
    scripts = [file for folder in ("deploy", "scripts") for file in (TOP / folder).rglob("*.sh")]
    lines = [line for file in scripts for line in file.read_text("utf-8").splitlines() if "shellcheck disable" in line]
    assert lines
    assert [line for line in lines if not re.search(r"disable=[\w,]+ +# \w+", line)] == []
