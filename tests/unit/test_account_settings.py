"""Accounts in tagship.toml: an environment's own, what it leaves to the app's, and what can't be."""

from __future__ import annotations

from typing import Any

import pytest

from tagship.domain import layout
from tagship.errors import SettingsError
from tagship.settings import Settings, load
from tests.fakes.app import VALUES, settings

DEV: dict[str, Any] = VALUES["environments"]["dev"]
PROD = {"account": "222222222222", "bucket": "hello-prod"}


def several(own: dict[str, Any] | None = None, **changes: Any) -> Settings:
    prod = {**DEV, "branch": "main", "aws": PROD if own is None else own}
    return settings(environments={"dev": DEV, "prod": prod}, **changes)


def problems(tmp_path: Any, text: str) -> str:
    file = tmp_path / "tagship.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError) as raised:
        load(file, {})
    return str(raised.value)


TOML = """
app = "hello"
[aws]
bucket = "hello-artifacts"
[signing]
key = "release.key.pem"
public_key = "release.pub.pem"
[environments.dev]
branch = "dev"
ec2 = {{ tags = {{ a = "b" }}, command = ["x"] }}
[environments.prod]
branch = "main"
ec2 = {{ tags = {{ a = "c" }}, command = ["x"] }}
{more}
"""


def test_an_environment_without_an_account_has_the_apps() -> None:
    assert several({}).account("prod") == several({}).aws
    assert several({}).accounts == [several({}).aws]


def test_what_an_environment_leaves_out_is_the_apps() -> None:
    chosen = several(aws={"bucket": "hello-artifacts", "region": "eu-west-1", "profile": "dev"}).account("prod")
    assert (chosen.account, chosen.bucket, chosen.region, chosen.profile) == (
        "222222222222",
        "hello-prod",
        "eu-west-1",
        "dev",
    )


def test_settings_of_one_account_have_its_environments_and_know_the_rest() -> None:
    whole = several()
    narrowed = whole.within(whole.account("prod"))
    assert list(narrowed.environments) == ["prod"]
    assert narrowed.aws == narrowed.account("prod") == whole.account("prod")
    assert narrowed.whole is whole
    assert whole.whole is whole


@pytest.mark.parametrize(
    "key",
    [
        layout.artifact("hello", "prod", "1.0.0", layout.BUNDLE),
        layout.artifacts("hello", "prod"),
        layout.ledger("hello", "prod"),
        layout.ledger_entry("hello", "prod", "2026", 1, "started"),
        layout.index("hello", "prod"),
        layout.mark("hello", "prod", "1"),
        layout.lease("hello", "prod"),
        layout.fence("hello", "prod"),
        layout.freeze("hello", "prod"),
        layout.pointer("hello", "prod"),
        layout.group("hello", "prod", "web"),
        layout.notified("hello", "prod", "1", "team"),
        layout.static_presence("hello", "prod", "site"),
        layout.state("hello", "prod"),
        layout.at_work("hello", "prod"),
        "bundles/prod/deploy-bundle-1.0.0.tar.gz",
        "old/prod/1.0.0.tgz",
    ],
)
def test_every_key_of_an_environment_is_in_its_bucket(key: str) -> None:
    assert several(legacy_keys=["old/{environment}/{tag}.tgz"]).bucket_of(key) == "hello-prod"


def test_a_lease_of_a_group_is_in_the_bucket_of_its_environments() -> None:
    prod = {**DEV, "branch": "main", "aws": PROD, "lease_group": "production"}
    chosen = settings(environments={"dev": DEV, "prod": prod})
    assert chosen.bucket_of(layout.lease("hello", "production")) == "hello-prod"


@pytest.mark.parametrize("key", ["hello/", "hello/pr-", "hello/_preview/", "_now", "other/prod/1/a", "hello/gone/1/a"])
def test_a_key_of_no_environment_has_no_bucket_of_its_own(key: str) -> None:
    assert several().bucket_of(key) == ""


def test_the_state_of_terraform_is_in_the_environments_bucket() -> None:
    assert several().state("prod")[0] == "hello-prod"


def test_a_bucket_is_in_one_account(tmp_path: Any) -> None:
    text = TOML.format(more='[environments.prod.aws]\naccount = "222222222222"')
    said = problems(tmp_path, text)
    assert "environments.prod.aws.account: differs from aws, whose bucket it has: name a bucket of its own" in said


def test_a_lease_is_in_one_bucket(tmp_path: Any) -> None:
    text = TOML.format(more='lease_group = "all"\n[environments.prod.aws]\nbucket = "hello-prod"')
    text = text.replace('branch = "dev"', 'branch = "dev"\nlease_group = "all"')
    assert (
        'environments.prod.lease_group: is "all", the lease of dev in another bucket: give both the same aws.bucket'
        in problems(tmp_path, text)
    )


def test_an_account_has_twelve_digits(tmp_path: Any) -> None:
    text = TOML.format(more='[environments.prod.aws]\nbucket = "hello-prod"\naccount = "1234"')
    assert "environments.prod.aws.account: must be an account's twelve digits, in quotes" in problems(tmp_path, text)


def test_a_key_of_kms_is_in_one_account(tmp_path: Any) -> None:
    more = '[environments.prod.aws]\nbucket = "hello-prod"\naccount = "222222222222"'
    text = TOML.format(more=more).replace("release.key.pem", "kms:alias/hello")
    wanted = "signing.key: is in one account, and environments are in 2: put {environment} into it"
    assert wanted in problems(tmp_path, text)
