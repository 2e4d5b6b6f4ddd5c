"""The name of the stack that a bucket's environments share: no two buckets of one account and region have one name."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tagship.account.places import shared_stack
from tests.fakes.app import VALUES, FakeApp, settings

DEV: dict[str, Any] = VALUES["environments"]["dev"]
APP = "hello-artifacts"  # the bucket of [aws]
PLAIN = "tagship-hello"


def names(**aws: dict[str, str]) -> dict[str, str]:
    """The stack of each bucket, for environments with these tables of their own."""
    environments = {
        name: {**DEV, "branch": name, "suffix": name, **({"aws": own} if own else {})} for name, own in aws.items()
    }
    chosen = settings(environments=environments)
    made = [FakeApp(settings=chosen.within(account)) for account in chosen.accounts]
    return {app.settings.aws.bucket: shared_stack(app) for app in made}


def test_the_one_bucket_has_the_apps_name() -> None:
    assert names(dev={}, prod={}) == {APP: PLAIN}


def test_another_bucket_in_the_same_account_has_its_own_name_in_it() -> None:
    assert names(dev={}, prod={"bucket": "hello-prod"}) == {APP: PLAIN, "hello-prod": f"{PLAIN}-in-hello-prod"}


@pytest.mark.parametrize("apart", [{"account": "333333333333"}, {"profile": "prod"}, {"region": "eu-west-1"}], ids=str)
def test_in_another_account_profile_or_region_it_is_the_only_one_there(apart: dict[str, str]) -> None:
    assert names(dev={}, prod={"bucket": "hello-prod", **apart}) == {APP: PLAIN, "hello-prod": PLAIN}


def test_where_no_environment_uses_the_apps_bucket_the_first_ones_is_plain() -> None:
    """As it was made before there was a second."""
    assert names(dev={"bucket": "hello-dev"}) == {"hello-dev": PLAIN}
    both = names(dev={"bucket": "hello-dev"}, prod={"bucket": "hello-prod"})
    assert both == {"hello-dev": PLAIN, "hello-prod": f"{PLAIN}-in-hello-prod"}


def test_two_buckets_of_another_account_are_told_apart_there_too() -> None:
    there = {"account": "333333333333"}
    made = names(dev={}, preprod={"bucket": "hello-preprod", **there}, prod={"bucket": "hello-prod", **there})
    assert made == {APP: PLAIN, "hello-preprod": PLAIN, "hello-prod": f"{PLAIN}-in-hello-prod"}


def test_a_stacks_name_has_no_dots_and_is_unlike_that_of_the_bucket_without_them() -> None:
    made = names(dev={}, preprod={"bucket": "hello-prod"}, prod={"bucket": "hello.prod"})
    assert made["hello-prod"] == f"{PLAIN}-in-hello-prod"
    assert re.fullmatch(f"{PLAIN}-in-hello-prod-[0-9a-f]{{6}}", made["hello.prod"])
