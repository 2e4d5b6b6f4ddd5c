"""A stolen token of each job: what its role lets a thief do, and what not. tests/permissions holds the same against the
roles that `setup` made in an account.
"""

from __future__ import annotations

import pytest

from tests.attacks.arsenal import ACCOUNT, REACH, Place
from tests.permissions.requests import Request
from tests.permissions.roles import Role
from tests.unit.test_policies import ELSEWHERE, NOT_PROMOTION, PROMOTES, PROMOTION, read, statements, trusted

ENVIRONMENTS = ("dev", "preprod", "prod")
BUCKET = statements("ArtifactsPolicy", text=read("foundation"))


def place(environment: str) -> Place:
    """An environment with keys of its own."""
    release, orders = (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{environment}-{key}" for key in ("release", "orders"))
    return Place(environment, release, orders)


def thief(role: str, environment: str) -> Role:
    """Who has a role's credentials, at a bucket with its policy."""
    own = place(environment)
    given = {"Environment": environment, "Lease": environment, "KeyArn": own.release, "OrderKeyArn": own.orders}
    path = "tagship/hello/cleanup/" if role == "Cleanup" else ""
    given |= {"ImageRepository": f"hello-{environment}"}
    attached = [f"CleanupOf{kind}" for kind in ("Functions", "Services", "Groups", "Images")] if path else []
    allowing = [statement for name in (role, *attached) for statement in statements(name, **given)]
    arn = f"arn:aws:iam::{ACCOUNT}:role/{path}tagship-hello-{environment}-{role}-1A"
    return Role(f"{role} of {environment}", arn, allowing, {"hello-artifacts": BUCKET})


def reach(role: str, environment: str, of: str) -> set[str]:
    allowing = thief(role, environment).allowing

    def allows(request: Request) -> bool:
        return bool(allowing(request))

    return place(of).reach(allows)


def require(role: str, environment: str) -> None:
    """A role reaches what its row of the table says, of its own environment and of others."""
    own, others = REACH[role]
    assert reach(role, environment, environment) == own
    for other in set(ENVIRONMENTS) - {environment}:
        assert reach(role, environment, other) == others


def roles_of(subject: str, workflow: str, **changes: str) -> set[str]:
    """The roles that a job with these claims gets, of every environment."""
    return {
        f"{role} of {name}"
        for name in ENVIRONMENTS
        for role in REACH
        if trusted(subject, role=role, workflow=workflow, Environment=name, Tags=f"*-{name}", **changes)
    }


@pytest.mark.parametrize("subject", ["repo:acme/hello:pull_request", "repo:evil/hello:environment:prod"])
def test_the_token_of_a_pull_request_is_nobodys(subject: str) -> None:
    """Whatever file it says that it runs, also one that a role is for."""
    for workflow in (*ELSEWHERE.values(), PROMOTION, "acme/hello/.github/workflows/deploy-dev.yml@refs/tags/1-prod"):
        assert roles_of(subject, workflow, **PROMOTES) == set()


def test_the_token_of_dev_ships_to_dev_and_reads_of_others_what_is_promoted() -> None:
    require("Ci", "dev")


def test_the_token_of_preprod_ships_to_preprod_alone() -> None:
    require("Ci", "preprod")
    assert "sign a release" not in reach("Ci", "preprod", "prod")


def test_the_token_of_prod_neither_rewrites_nor_deletes_what_happened_and_reads_no_secret() -> None:
    require("Ci", "prod")
    own = reach("Ci", "prod", "prod")
    assert not own & {"write the ledger over", "delete from the ledger", "delete an artifact", "write an artifact over"}
    assert not own & {
        "thaw",
        "freeze",
        "read a secret",
        "read a parameter",
        "run a shell on hosts",
        "give itself a role",
    }


def test_the_token_of_a_promotion_is_for_where_it_goes_and_for_no_other_file_or_branch() -> None:
    subject = "repo:acme/hello:environment:prod"
    assert roles_of(subject, PROMOTION, **PROMOTES) == {"Ci of prod", "Notify of prod"}
    assert roles_of(subject, PROMOTION) == set()
    for where, workflow in NOT_PROMOTION.items():
        assert roles_of(subject, workflow, **PROMOTES) == set(), where


def test_the_token_of_notify_reads_what_happened_and_deploys_nothing() -> None:
    for environment in ENVIRONMENTS:
        require("Notify", environment)


def test_the_token_of_cleanup_deletes_artifacts_and_neither_publishes_nor_signs() -> None:
    for environment in ENVIRONMENTS:
        require("Cleanup", environment)
    assert "delete an artifact's older version" not in reach("Cleanup", "prod", "prod")
