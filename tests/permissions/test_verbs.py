"""A run of every verb, for each kind, under exactly the policies that `setup` makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.permissions import kinds, previews
from tests.permissions.roles import Minutes, Role, parts
from tests.permissions.second_opinion import judged_otherwise
from tests.permissions.stories import tell

ROLES = ("Ci of dev", "Rollback of dev", "Verify of dev", "Notify of dev", "Cleanup of dev", "People of dev")

# By role and verb: what is refused, and is to be.
REFUSED = {
    ("Verify of dev", "deploy"): "a job that verifies changes nothing",
    ("People of dev", "status"): "the units of prod, whose policy the person does not have: `status` says so",
    ("People of dev", "cleanup"): "what deployments left, and lifecycle rules: the role of cleanup reads them",
}


REFUSED_OF = {
    "ec2": {
        ("People of dev", "drill"): "names of secrets, which the account lists whole: CI sees them, `drill` says so"
    }
}


@dataclass(frozen=True)
class Unused:
    """A permission that no verb of these stories uses: `text` is its role, statement and part, as a pattern."""

    text: str
    why: str
    kinds: str = "ec2|lambda|ecs"


UNUSED = [
    Unused(r"^Preview .*/_fence/pr-", "fencing numbers that a person started again", "lambda|ecs"),
    Unused("CutALargeStateShort", "Terraform's, for a state above 5 MB"),
    Unused(
        r"infra/dev/\*|DeleteTheEnvironmentsOwn|sInfrastructure|_infra/",
        "`infra` by Terraform",
        "lambda|ecs",
    ),
    Unused(
        r"_now$|ReadTheClock",
        "S3's clock, which a verb asks if it has had no other answer of S3: it depends on their order",
    ),
    Unused(r"TakeBack s3:AbortMultipartUpload", "Terraform's, for a state above 5 MB"),
    Unused(
        r"^(Ci|Rollback) .* WatchCommands", "taking over from a dead runner, whose commands may be in flight", "ec2"
    ),
    Unused(r"^Rollback .* RunNothingNew", "it denies: what a rollback's token must not do, whatever policies it has"),
    Unused(r"^Rollback .* (MakeTaskDefinitions|PassTheRolesOfTasks)", "denied: RunNothingNew", "ecs"),
    Unused(r"^Rollback .* lambda:(Publish|UpdateFunction)", "denied: RunNothingNew", "lambda"),
    Unused(
        r"^Rollback .* (lambda:(CreateAlias|GetFunction|GetProvisioned\w+|ListVersions\w+)$|ReadImages)",
        "an alias that is not there, an image, provisioned concurrency, a version that no recent deployment names",
        "lambda",
    ),
    Unused(
        r"^Rollback .* ReadTheLogsOfFunctions", "`inv logs`: it has the policy of those who deploy by hand", "lambda"
    ),
    Unused(r"^(Rollback|Preview) .* ecs:ListTaskDefinitions", "a revision that no recent deployment names", "ecs"),
    Unused(r"^Rollback .* RunHooksInTasks", "a hook of the team's, and these have none", "ecs"),
    Unused(r"^Verify .* AskFunctions lambda:List", "cleanup's, and said once for both who only ask", "lambda"),
    Unused(r"^Rollback .*/bundles/", "a rollback to an archive that is older than tagship"),
    Unused(r"^Ci of dev .*/attestations\.json$", "require_attestation, which no environment of these sets"),
    Unused(r"(packages/\*\.zip|static/\*)$", "a promotion of what another kind of release has", "ec2|ecs"),
    Unused(r"ssm:CancelCommand", "`rollback --preempt`, of a command that is in flight", "ec2"),
    Unused(r"ssm:GetCommandInvocation", "a host that said nothing in the listing is asked for all that it said", "ec2"),
    Unused(
        r"LogInToTheRegistry|PushImages", "docker push and pull; a sandbox has a folder for a registry", "lambda|ecs"
    ),
    Unused(r"^Ci .*ReadTheLogsOfFunctions", "people read logs: CI has the same statements", "lambda"),
    Unused(r"WatchFunctions", "new versions that get their calls by steps: `lambda.steps`", "lambda"),
    Unused(
        r"lambda:(GetFunctionConcurrency|GetPolicy|ListFunctionUrlConfigs)",
        "`doctor`, and a change it warns of",
        "lambda",
    ),
    Unused(r"ContinueServiceDeployment", "`continue`, of a deployment that waits at a hook", "ecs"),
    Unused(r"SeeWhatSurroundsServices", "a service with alarms or a load balancer: these have neither", "ecs"),
    Unused(r"SeeWhetherImagesAreThere", "the registry, which is a folder in a sandbox", "ecs"),
    Unused(r"^People .* lambda:CreateAlias", "the first deployment of all, by hand", "lambda"),
    Unused(r"service-revision|DescribeServiceRevisions", "a task of an image that was named by a tag", "ecs"),
    Unused(r"ReadTheLogsOfTasks", "a deployment that failed quotes its log", "ecs"),
    Unused(r"SeeWhatSurroundsServices", "a service with alarms or a load balancer", "ecs"),
    Unused(r"DeleteOldImages", "the registry, which is a folder in a sandbox", "lambda|ecs"),
    Unused(r"^Cleanup .*_static/", "environments of hosts have no static set here", "ec2"),
    Unused(r"SeeWhetherImagesAreThere", "a sandbox has a folder for a registry", "ecs"),
    Unused(r"ContinueServiceDeployment", "a deployment that is paused at a hook", "ecs"),
    Unused(r"StopServiceDeployment", "a deployment that does not settle in its time, or is cancelled", "ecs"),
    Unused(r"ecs:StopTask", "a hook's task that takes too long, or that nobody waits for", "ecs"),
]


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_verb_works_under_the_policies_of_who_is_to_run_it_and_these_grant_nothing_else(
    kind: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_HOOK", "http://127.0.0.1:9/")  # nobody listens: that is a warning, and noted before
    account = kinds.KINDS[kind].make(tmp_path_factory.mktemp(kind))
    roles = [*ROLES, *([previews.ROLE, previews.PEOPLE] if kinds.KINDS[kind].previews else [])]
    try:
        story = tell(account)
        if kinds.KINDS[kind].previews:
            previews.tell(story)
        granted = [account.role(name) for name in roles]
    finally:
        account.close()
    print("FAILED", *story.failed, sep="\n  - ")
    print("REFUSED", *account.minutes.refused.items(), sep="\n  - ")
    print("UNUSED", *unexplained(kind, account.minutes, granted), sep="\n  - ")
    assert story.failed == []
    refused = {(role, verb) for role, verb, *_ in account.minutes.refused}
    # A build asks what runs, if it has credentials: these grant nothing, and all is built.
    assert refused - {("nobody", "build")} == {*REFUSED, *REFUSED_OF.get(kind, ())}
    assert list(unexplained(kind, account.minutes, granted)) == []
    assert judged_otherwise(account.minutes, granted, tmp_path / "requests.json") == ""


def unexplained(kind: str, minutes: Minutes, granted: list[Role]) -> Iterator[str]:
    """What is granted and was not used, without a reason; and reasons for what was used."""
    every = {(role.name, one["Sid"], part) for role in granted for one in role.statements for part in parts(one)}
    left = {" ".join(each) for each in every - minutes.used}
    reasons = {reason: {each for each in left if re.search(reason.text, each)} for reason in UNUSED}
    yield from sorted(left.difference(*reasons.values()))
    for reason, explained in reasons.items():
        if not explained and re.fullmatch(reason.kinds, kind):
            yield f"explained, and used or not granted: {reason.text}"
