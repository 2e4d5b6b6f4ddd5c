"""Verbs in two regions, and a promotion between two accounts, under exactly the policies that `setup` makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.permissions.places import DEV, FAR, HEAD, HOSTS, ORDER, OWN, PROD, REGIONS, Placed, repository
from tests.permissions.roles import Minutes, Role, parts
from tests.permissions.stories import V0, V1, V2, V3, V4, Story

ROLES = ("Ci of dev", "Rollback of dev", "Verify of dev", "Cleanup of dev", "People of dev")
UNUSED = {  # of what names the second region, by role, statement and part: a reason each
    r"HearHosts|WatchCommands|SeeGroups|AskTaskDefinitions": "they take no resource: the first region's grant them",
    r"LogInToTheRegistry|CopyImages|ReadTheirOriginals|PushImages": "a sandbox has a folder for a registry",
    r"_now$|ReadTheClock": "the first region's S3 tells the time",
    r"_fence/": "no reset of fencing numbers to copy",
    r"^(Ci|Rollback|Cleanup) .* Ask(Hosts|TheHosts)": "asking hosts by the document that changes nothing",
    r"^(Verify|Cleanup) .* SeeWhatIsThere": "Observe is one policy for who only asks",
    r"^(Rollback|People) .* (CopyArtifacts|SeeWhatIsThere)": "a region that has missed an artifact",
}


def test_every_verb_works_in_two_regions_and_the_second_grants_nothing_else(tmp_path: Path) -> None:
    text = HEAD + HOSTS.format(name="dev") + REGIONS
    account = Placed.made(repository(tmp_path / "shop", text))
    try:
        story = Story(account)
        for version in (V0, V1, V2):
            story.publish(version)
            for verb in ("deploy", "verify"):
                story.act("Ci of dev", verb, artifact=version)
        story.act("Rollback of dev", "rollback", to=V1, env="dev", yes=True)
        story.act("Verify of dev", "verify", env="dev")
        story.act("Verify of dev", "deploy", fails="Access denied", artifact=V2)
        for verb in ("status", "heal", "logs"):
            story.act("People of dev", verb, env="dev")
        story.act("People of dev", "deploy", artifact=V2, allow_bad=True)
        story.publish(V3)
        story.act("Ci of dev", "deploy", artifact=V3)
        story.act("Ci of dev", "deploy", artifact=story.publish(V4))
        story.act("Cleanup of dev", "cleanup", env="dev", days=0, keep=1)
        granted = [account.role(name) for name in ROLES]
    finally:
        account.close()
    assert story.failed == []
    print("UNUSED", *unexplained(account.minutes, granted), sep="\n  - ")
    assert {(role, verb) for role, verb, *_ in account.minutes.refused} - {("nobody", "build")} == {
        ("Verify of dev", "deploy")
    }
    assert list(unexplained(account.minutes, granted)) == []


def unexplained(minutes: Minutes, granted: list[Role]) -> Iterator[str]:
    """What is granted of the second region and was not used, without a reason; and reasons for nothing."""
    every = {(role.name, one["Sid"], part) for role in granted for one in role.statements for part in parts(one)}
    left = {" ".join(each) for each in every - minutes.used if FAR in each[2]}
    reasons = {reason: {each for each in left if re.search(reason, each)} for reason in UNUSED}
    yield from sorted(left.difference(*reasons.values()))


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placed]:
    text = (
        HEAD
        + ORDER
        + "".join(
            HOSTS.format(name=name) + OWN.format(name=name, account=number)
            for name, number in (("dev", DEV), ("prod", PROD))
        )
    )
    account = Placed.made(repository(tmp_path_factory.mktemp("crossing") / "shop", text))
    yield account
    account.close()


def test_a_promotion_crosses_accounts_by_one_role_and_reads_no_more_than_it_carries(crossing: Placed) -> None:
    story = Story(crossing)
    story.publish(V1)
    for verb in ("deploy", "verify"):
        story.act("Ci of dev", verb, artifact=V1)
    story.act("Ci of dev", "tested", env="dev")
    story.act("Ci of prod", "promote", source="dev", to="prod", yes=True)
    story.act("Ci of prod", "verify", artifact=V1, env="prod")
    assert story.failed == []
    role = crossing.role("Ci of prod")
    there = {(sid, part) for name, sid, part in crossing.minutes.used if name == role.name and "shop-dev" in part}
    granted = {(one["Sid"], part) for one in role.statements for part in parts(one) if "shop-dev" in part}
    assert there == granted
    assert not [key for key in crossing.minutes.refused if key[0] == role.name]
