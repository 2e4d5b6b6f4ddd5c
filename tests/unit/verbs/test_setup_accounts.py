"""setup and doctor over two accounts: each by itself, one that can't be reached named, and a promotion between them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tagship.account.doctor_checks import checks
from tagship.errors import ServiceFailed
from tagship.verbs.setup import setup
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.foundation import FakeFoundation
from tests.fakes.repository import FakeRepository

ROOT = Path(__file__).parents[3]
DEV: dict[str, Any] = VALUES["environments"]["dev"]
PROD = {
    **DEV,
    "branch": "main",
    "suffix": "prod",
    "aws": {"bucket": "hello-prod", "account": "333333333333"},
}


class Unreachable(FakeFoundation):
    def stack(self, name: str) -> Any:
        raise ServiceFailed(f"AWS cannot be reached (looking at {name}).", remedy="Try it")


@dataclass
class Accounts(FakeApp):
    """The app in two accounts: dev's and prod's."""

    parts: list[FakeApp] = field(default_factory=list)

    def at(self, environment: str) -> FakeApp:
        return next(part for part in self.parts if environment in part.settings.environments)

    @property
    def accounts(self) -> Sequence[FakeApp]:  # type: ignore[override]
        return self.parts


@pytest.fixture
def app(tmp_path: Path) -> Accounts:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    chosen = settings(
        environments={"dev": DEV, "prod": PROD},
        signing={"key": "kms:alias/hello-{environment}", "public_key": "keys/{environment}.pub.pem"},
        ci={"repository": "acme/hello"},
        promotion={"order": ["dev", "prod"]},
    )
    made = Accounts(settings=chosen, root=tmp_path)
    for account in chosen.accounts:
        part = FakeApp(settings=chosen.within(account), root=tmp_path, screen=made.screen)
        part.given |= {"foundation": FakeFoundation(), "repository": FakeRepository()}
        made.parts.append(part)
    made.given["repository"] = FakeRepository()
    return made


def done(app: Accounts, environment: str) -> list[str]:
    foundation: FakeFoundation = app.at(environment).given["foundation"]
    return [line for line in foundation.done if line.startswith("stack")]


def template(app: Accounts, environment: str, name: str) -> str:
    foundation: FakeFoundation = app.at(environment).given["foundation"]
    return foundation.stacks[name].template


def test_each_account_gets_the_stacks_of_its_environments(app: Accounts) -> None:
    result = setup(app)
    assert done(app, "dev") == ["stack tagship-hello protected", "stack tagship-hello-dev"]
    assert done(app, "prod") == ["stack tagship-hello protected", "stack tagship-hello-prod"]
    foundation: FakeFoundation = app.at("prod").given["foundation"]
    assert foundation.stacks["tagship-hello"].parameters["Bucket"] == "hello-prod"
    assert foundation.stacks["tagship-hello-prod"].parameters["Bucket"] == "hello-prod"
    assert set(result.as_data()["outputs"]) >= {  # type: ignore[attr-defined]
        "tagship-hello (s3://hello-artifacts)",
        "tagship-hello (account 333333333333)",
    }


def test_one_environments_account_alone(app: Accounts) -> None:
    setup(app, env="prod")
    assert done(app, "dev") == []
    assert done(app, "prod") == ["stack tagship-hello protected", "stack tagship-hello-prod"]


def test_the_source_of_a_promotion_lets_the_destinations_job_read_and_nobody_else_is_granted_anything(
    app: Accounts,
) -> None:
    setup(app)
    granting = template(app, "dev", "tagship-hello")
    assert "PromotionsToProdRead" in granting
    assert "iam::333333333333:role/tagship/${App}/ship/prod/*" in granting
    assert "PromotionsTo" not in template(app, "prod", "tagship-hello")
    assert "arn:${AWS::Partition}:s3:::hello-artifacts/${App}/dev/*" in template(app, "prod", "tagship-hello-prod")
    assert "ReadWhatIsPromoted" not in template(app, "dev", "tagship-hello-dev")


def test_an_account_that_cannot_be_reached_is_named_and_the_other_is_made(app: Accounts) -> None:
    app.at("dev").given["foundation"] = Unreachable()
    with pytest.raises(ServiceFailed) as raised:
        setup(app)
    assert done(app, "prod") == ["stack tagship-hello protected", "stack tagship-hello-prod"]
    assert raised.value.state == "1 of 2 accounts are as they should be; see above."
    warned = " ".join(app.screen.lines)
    assert "s3://hello-artifacts: AWS cannot be reached" in warned
    assert "inv setup --env dev" in warned


def test_doctor_looks_at_each_account(app: Accounts) -> None:
    asked = checks(app)
    assert {"s3://hello-artifacts: bucket", "account 333333333333: bucket", "prod: secrets"} <= set(asked)
    [finding] = asked["account 333333333333: credentials"]()
    assert finding.state == "failing"
    assert finding.words == "arn:aws:iam::123456789012:user/ada, and tagship.toml says account 333333333333"
    [fine] = asked["s3://hello-artifacts: credentials"]()
    assert fine.state == "ok"


def test_a_dry_run_claims_of_no_account_that_it_is_as_it_should_be(app: Accounts) -> None:
    app.at("dev").given["foundation"] = Unreachable()
    with pytest.raises(ServiceFailed) as raised:
        setup(app, dry_run=True)
    assert raised.value.state == "1 of 2 accounts could be looked at; see above."
    assert done(app, "prod") == []
