"""EC2 by Run Command: what is asked of AWS, how often, and what SSM's endings mean. The API is played by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tagship import resources
from tagship.adapters.aws.session import Aws
from tagship.adapters.targets.ec2.answers import WORDS
from tagship.adapters.targets.ec2.collecting import GRACE
from tagship.adapters.targets.ec2.lookout import FIRST, NEXT
from tagship.adapters.targets.ec2.orders import order
from tagship.adapters.targets.ec2.sending import DELIVERY
from tagship.adapters.targets.ec2.target import Ec2Target, connect
from tagship.domain.change import Change
from tagship.domain.ec2 import document
from tagship.domain.units import Report, Unit
from tagship.errors import Refused, ServiceFailed, Unheard
from tagship.settings.ec2 import Ec2
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.clock import FakeClock

CHANGE = Change("deploy", "hello", "dev", "0.1.30-dev", "0" * 64, "20261120-155301-123456-9f3a1c", 7)


def verdict(outcome: str = "healthy", **more: object) -> str:
    return json.dumps({"tagship": 1, "outcome": outcome, "serving": "0.1.30-dev", **more}) + "\nfor people\n"


class Missing(ClientError):
    def __init__(self, code: str, operation: str) -> None:
        super().__init__({"Error": {"Code": code, "Message": "no"}}, operation)


class Exceptions:
    InvalidDocument = type("InvalidDocument", (Missing,), {})
    InvalidParameters = type("InvalidParameters", (Missing,), {})
    InvalidInstanceId = type("InvalidInstanceId", (Missing,), {})
    InvalidCommandId = type("InvalidCommandId", (Missing,), {})
    InvocationDoesNotExist = type("InvocationDoesNotExist", (Missing,), {})


@dataclass
class Account:
    """EC2 and SSM as far as the target asks them. `calls` counts by operation; pages hold 50 things at most."""

    instances: dict[str, str] = field(default_factory=dict)  # id -> name
    states: dict[str, str] = field(default_factory=dict)  # id -> running, where not given
    pings: dict[str, str] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)  # id -> StatusDetails, Success where not given
    output: dict[str, str] = field(default_factory=dict)
    errors: str = ""
    invalid: set[str] = field(default_factory=set)  # ids that SSM refuses
    documents: tuple[str, ...] = ("tagship-deploy", "tagship-deploy-status", "AWS-RunShellScript")
    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    unseen: int = 0  # listings that are empty at first
    unknown: int = 0  # invocations that do not exist at first
    outdated: bool = False  # the document takes other parameters
    unlisted: bool = False  # ListCommands shows nothing
    failing: Callable[[str], None] = lambda _: None
    exceptions: type[Exceptions] = Exceptions

    def get_paginator(self, operation: str) -> Any:
        return Pages(self, operation)

    def send_command(self, **asked: Any) -> dict[str, Any]:
        self._call("send_command")
        if asked["DocumentName"] not in self.documents:
            raise Exceptions.InvalidDocument("InvalidDocument", "SendCommand")
        if self.outdated:
            raise Exceptions.InvalidParameters("InvalidParameters", "SendCommand")
        if set(asked["InstanceIds"]) & self.invalid:
            raise Exceptions.InvalidInstanceId("InvalidInstanceId", "SendCommand")
        self.sent.append(asked)
        return {"Command": {"CommandId": f"command-{len(self.sent)}"}}

    def get_command_invocation(self, **asked: str) -> dict[str, Any]:
        self._call("get_command_invocation")
        if self.unknown:
            self.unknown -= 1
            raise Exceptions.InvocationDoesNotExist("InvocationDoesNotExist", "GetCommandInvocation")
        out = self.output.get(asked["InstanceId"], verdict())
        return {"StandardOutputContent": out, "StandardErrorContent": self.errors}

    def _call(self, operation: str) -> None:
        self.calls.append(operation)
        self.failing(operation)

    def pages(self, operation: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        found = getattr(self, f"_{operation}")(asked)
        key, items = found
        ends_empty = operation == "list_command_invocations"  # as AWS may: a full page, a token, and then nothing
        for at in range(0, max(len(items) + ends_empty, 1), 50):
            self._call(operation)
            yield {key: items[at : at + 50]}

    def _describe_instances(self, asked: dict[str, Any]) -> tuple[str, list[Any]]:
        self.filters = asked["Filters"]
        ids = next((one["Values"] for one in self.filters if one["Name"] == "instance-id"), list(self.instances))
        assert len(ids) <= 50 or ids == list(self.instances)
        made = [self._instance(one) for one in self.instances if one in ids]
        return "Reservations", [{"Instances": [one]} for one in made]

    def _instance(self, one: str) -> dict[str, Any]:
        tags = [{"Key": "Name", "Value": self.instances[one]}]
        return {"InstanceId": one, "Tags": tags, "State": {"Name": self.states.get(one, "running")}}

    def _describe_instance_information(self, asked: dict[str, Any]) -> tuple[str, list[Any]]:
        ids = asked["Filters"][0]["Values"]
        assert len(ids) <= 50
        known = [one for one in ids if self.pings.get(one, "Online")]
        return "InstanceInformationList", [
            {"InstanceId": one, "PingStatus": self.pings.get(one, "Online"), "AgentVersion": "3.3.1.0"} for one in known
        ]

    def _list_commands(self, asked: dict[str, Any]) -> tuple[str, list[Any]]:
        made = [] if self.unlisted else enumerate(self.sent, start=1)
        return "Commands", [
            {"CommandId": f"command-{number}", "RequestedDateTime": number, **one} for number, one in made
        ]

    def _list_command_invocations(self, asked: dict[str, Any]) -> tuple[str, list[Any]]:
        if self.unseen:
            self.unseen -= 1
            return "CommandInvocations", []
        number = int(asked["CommandId"].rpartition("-")[2])
        ids = self.sent[number - 1]["InstanceIds"]
        return "CommandInvocations", [self._invocation(one, asked) for one in ids]

    def _invocation(self, one: str, asked: dict[str, Any]) -> dict[str, Any]:
        details = self.status.get(one, "Success")
        ended = {"Success": "Success", "InProgress": "InProgress", "Pending": "Pending", "Cancelled": "Cancelled"}
        listed = self.output.get(one, verdict())[:2500] if asked.get("Details") else ""
        plugins = [{"Name": "aws:runShellScript", "Output": listed}] if asked.get("Details") else []
        status = ended.get(details, "Failed")
        return {"InstanceId": one, "Status": status, "StatusDetails": details, "CommandPlugins": plugins}


@dataclass
class Pages:
    account: Account
    operation: str

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        return self.account.pages(self.operation, asked)


@dataclass
class Credentials:
    """What stands for tagship.adapters.aws.Aws: the account for every service, and the real translation of errors."""

    account: Account
    sandbox: bool = False

    def client(self, name: str) -> Account:
        return self.account

    once = client

    @staticmethod
    def unsure(error: Exception) -> bool:
        return Aws.unsure(error)

    @staticmethod
    def refused_for_now(error: Exception) -> bool:
        return Aws.refused_for_now(error)

    def translated(self, doing: str) -> AbstractContextManager[None]:
        return Aws("us-east-1", "http://127.0.0.1:9", sandbox=True).translated(doing)


def ids(count: int) -> list[str]:
    return [f"i-{n:017x}" for n in range(count)]


def hosts(count: int) -> list[Unit]:
    return [Unit(one, one, True) for one in ids(count)]


@dataclass
class Ec2App(FakeApp):
    aws: Any = None


class Stand:
    """A target over a played account."""

    def __init__(
        self,
        account: Account | None = None,
        root: Path = Path("/nowhere"),
        clock: FakeClock | None = None,
        table: dict[str, Any] | None = None,
    ) -> None:
        self.account = account or Account(instances={one: f"web-{n}" for n, one in enumerate(ids(2))})
        self.clock = clock or FakeClock()
        chosen = settings(environments=table or environments())
        self.app = Ec2App(settings=chosen, root=root, clock=self.clock, aws=Credentials(self.account))
        self.warnings = self.app.screen.warnings
        self.target: Ec2Target = connect(self.app, "dev")
        self.target.beside = lambda look: look()

    def start(self, count: int, change: Change = CHANGE) -> list[str]:
        return [operation.id for operation in self.target.start(change, hosts(count))]

    def observe(self, count: int = 2) -> Sequence[Report]:
        return self.target.observe(hosts(count), lambda _: None)

    def run(self, count: int = 2) -> Sequence[Report]:
        phases: list[str] = []
        operations = self.target.start(CHANGE, hosts(count))
        return self.target.finish(operations, CHANGE, hosts(count), phases.append)


# -- who is there ------------------------------------------------------------------------------------------------------


def test_hosts_are_the_running_instances_with_every_tag() -> None:
    stand = Stand()
    assert [(host.name, host.online) for host in stand.target.units()] == [("web-0", True), ("web-1", True)]
    assert stand.account.filters == [
        {"Name": "tag:tagship:app", "Values": ["hello"]},
        {"Name": "tag:tagship:environment", "Values": ["dev"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]


def test_a_host_has_ended_if_it_is_terminated_or_nobody_knows_it_and_one_that_is_stopped_may_return() -> None:
    terminated, ending, stopped, forgotten = asked = [*ids(3), "i-none"]
    states = {terminated: "terminated", ending: "shutting-down", stopped: "stopped"}
    stand = Stand(Account(instances=dict.fromkeys(ids(3), "web"), states=states))
    assert set(stand.target.ended(asked)) == {terminated, ending, forgotten}


def test_whether_many_hosts_have_ended_is_asked_fifty_at_a_time() -> None:
    stand = Stand(Account(instances={one: one for one in ids(120)}))
    assert set(stand.target.ended(ids(120))) == set()
    assert stand.account.calls.count("describe_instances") == 3


def test_many_hosts_are_found_page_by_page_and_their_pings_fifty_at_a_time() -> None:
    stand = Stand(Account(instances={one: one for one in ids(120)}))
    assert len(stand.target.units()) == 120
    assert stand.account.calls.count("describe_instances") == 3
    assert stand.account.calls.count("describe_instance_information") == 3


@pytest.mark.parametrize(("ping", "problem"), [("ConnectionLost", "ConnectionLost"), ("", "no agent has registered")])
def test_a_host_whose_agent_does_not_answer_is_not_online(ping: str, problem: str) -> None:
    one = ids(1)[0]
    [host] = Stand(Account(instances={one: "web-0"}, pings={one: ping})).target.units()
    assert not host.online
    assert problem in host.problem


def test_no_host_is_refused_with_the_tags_that_were_looked_for() -> None:
    with pytest.raises(Refused) as caught:
        Stand(Account()).target.units()
    assert caught.value.what == (
        "No running instance has the tags of dev: tagship:app = hello, tagship:environment = dev."
    )


def test_hosts_are_looked_at_by_one_command_and_say_their_agents_version() -> None:
    line = '{"tagship":1,"action":"inspect","outcome":"unchanged","facts":{"free_kb":7,"files":["app.py"]}}'
    stand = Stand()
    stand.account.output = dict.fromkeys(ids(2), line)
    units = stand.target.units()
    assert [host.agent for host in units] == ["3.3.1.0", "3.3.1.0"]
    reports = stand.target.inspect(units, lambda _: None)
    assert [report.facts["free_kb"] for report in reports] == [7, 7]
    [asked] = stand.account.sent
    assert (asked["DocumentName"], asked["Comment"]) == ("AWS-RunShellScript", "tagship inspect dev")


# -- telling them ------------------------------------------------------------------------------------------------------


def test_an_order_is_the_documents_parameters_and_pins_the_ids() -> None:
    stand = Stand()
    stand.start(2)
    [asked] = stand.account.sent
    assert asked["DocumentName"] == "tagship-deploy"
    assert asked["InstanceIds"] == ids(2)
    assert asked["Parameters"]["artifact"] == ["0.1.30-dev"]
    assert asked["TimeoutSeconds"] == DELIVERY
    assert len(asked["Comment"]) <= 100


def test_the_numbers_of_todays_settings_go_with_every_order() -> None:
    table = environments(ec2={"drain": 0, "keep": 7}, health={"attempts": 9})
    stand = Stand(table=table)
    for action in ("deploy", "rollback"):
        stand.start(2, replace(CHANGE, action=action))
    stand.observe()
    given = {command["Parameters"]["numbers"][0] for command in stand.account.sent}
    assert len(given) == 1
    assert {"DRAIN=0", "KEEP=7", "HEALTH_ATTEMPTS=9"} <= set(given.pop().split(","))


def test_a_question_goes_by_the_document_that_can_change_nothing() -> None:
    stand = Stand()
    stand.observe()
    stand.start(2)
    assert [command["DocumentName"] for command in stand.account.sent] == ["tagship-deploy-status", "tagship-deploy"]


def test_more_than_fifty_hosts_are_told_by_several_commands() -> None:
    stand = Stand()
    assert list(stand.start(120)) == ["command-1", "command-2", "command-3"]
    assert [len(one["InstanceIds"]) for one in stand.account.sent] == [50, 50, 20]


def test_without_the_document_the_shell_one_is_sent_with_a_warning(tmp_path: Path) -> None:
    entry = tmp_path / "deploy/host/entry.sh"
    entry.parent.mkdir(parents=True)
    entry.write_text("echo stage one\n")
    (tmp_path / "deploy/ec2_deploy.sh").touch()
    stand = Stand(Account(documents=("AWS-RunShellScript",)), tmp_path)
    stand.start(1)
    [asked] = stand.account.sent
    assert asked["DocumentName"] == "AWS-RunShellScript"
    assert "echo stage one" in asked["Parameters"]["commands"]
    assert asked["Parameters"]["executionTimeout"] == ["900"]
    assert "is not installed" in stand.warnings[0]


def test_without_the_document_and_without_host_files_of_its_own_that_of_tagship_is_sent() -> None:
    stand = Stand(Account(documents=("AWS-RunShellScript",)))
    stand.start(1)
    [asked] = stand.account.sent
    quoted, [end] = asked["Parameters"]["commands"][2:-1], asked["Parameters"]["commands"][-1:]
    assert quoted == document._lines(resources.text(Path("/nowhere"), "deploy/host/entry.sh"))
    assert end == document.END


def _failing_from(number: int) -> Callable[[str], None]:
    """Every send from the n-th on fails."""
    count = [0]

    def fail(operation: str) -> None:
        count[0] += operation == "send_command"
        if operation == "send_command" and count[0] >= number:
            raise EndpointConnectionError(endpoint_url="https://ssm")

    return fail


def test_a_document_of_another_tagship_is_refused_with_the_command_that_updates_it() -> None:
    """As after an upgrade, or from the checkout of a year ago: to run the same command again would not help."""
    stand = Stand(Account(outdated=True))
    with pytest.raises(Refused) as caught:
        stand.start(1)
    assert "tagship-deploy in this account was installed by another tagship" in caught.value.what
    assert caught.value.remedy.startswith("Update it: inv setup")
    assert stand.account.sent == []


def test_a_first_command_that_cannot_be_sent_raises() -> None:
    stand = Stand(Account(failing=_failing_from(1)))
    with pytest.raises(ServiceFailed):
        stand.start(2)


def test_hosts_of_a_later_command_that_cannot_be_sent_are_silent_and_the_others_are_heard() -> None:
    stand = Stand(Account(failing=_failing_from(2)))
    reports = stand.run(60)
    assert [one.outcome for one in reports] == ["healthy"] * 50 + ["silent"] * 10
    assert reports[-1].reason.startswith("nothing was sent to it")


def _answers_lost(account: Account, *numbers: int) -> Account:
    """SSM takes these commands, and its answers to them never arrive."""
    inner, count = account.send_command, [0]

    def send(**asked: Any) -> dict[str, Any]:
        count[0] += 1
        answer = inner(**asked)
        if count[0] in numbers:
            raise ReadTimeoutError(endpoint_url="https://ssm")
        return answer

    account.send_command = send  # type: ignore[method-assign]
    return account


def test_a_command_whose_answer_was_lost_is_found_and_not_sent_again() -> None:
    stand = Stand(_answers_lost(Account(), 1))
    assert [one.outcome for one in stand.run()] == ["healthy", "healthy"]
    assert len(stand.account.sent) == 1
    assert stand.warnings == ["the answer to deploy was lost; it is SSM command command-1"]


def test_of_two_lost_answers_each_finds_its_own_command() -> None:
    stand = Stand(_answers_lost(Account(), 1, 2))
    assert [one.outcome for one in stand.run(60)] == ["healthy"] * 60
    assert len(stand.account.sent) == 2


def test_a_command_that_does_not_show_after_its_answer_was_lost_may_be_in_flight() -> None:
    stand = Stand(_answers_lost(Account(unlisted=True), 1))
    with pytest.raises(Unheard) as caught:
        stand.start(2)
    assert caught.value.state == "The hosts may be acting on it."
    assert len(stand.account.sent) == 1


def test_a_question_whose_answer_was_lost_is_asked_again() -> None:
    stand = Stand(_answers_lost(Account(), 1))
    assert [report.outcome for report in stand.observe()] == ["healthy", "healthy"]
    assert len(stand.account.sent) == 2


def test_a_throttled_command_was_not_taken_and_is_sent_again() -> None:
    account, told = Account(), []

    def throttle(operation: str) -> None:
        told.append(operation)
        if told.count("send_command") <= 3 and operation == "send_command":
            raise Missing("ThrottlingException", "SendCommand")

    account.failing = throttle
    stand = Stand(account)
    assert [one.outcome for one in stand.run()] == ["healthy", "healthy"]
    assert len(account.sent) == 1


# -- hearing from them -------------------------------------------------------------------------------------------------


def test_every_hosts_verdict_comes_back_in_the_order_asked() -> None:
    stand = Stand()
    assert [(one.unit, one.outcome) for one in stand.run()] == [(one, "healthy") for one in ids(2)]


def test_a_poll_is_one_listing_a_command_and_a_verdict_that_fits_costs_no_call_of_its_own() -> None:
    stand = Stand()
    assert [one.serving for one in stand.run(50)] == ["0.1.30-dev"] * 50
    assert stand.account.calls.count("list_command_invocations") == 1
    assert stand.account.calls.count("get_command_invocation") == 0


def test_a_verdict_that_is_longer_than_a_listing_shows_is_fetched_whole() -> None:
    one = ids(1)[0]
    long = verdict("failed", evidence="Traceback " * 400)
    stand = Stand(Account(output={one: long}))
    reports = stand.run(2)
    assert [one.outcome for one in reports] == ["failed", "healthy"]
    assert reports[0].evidence == "Traceback " * 400
    assert stand.account.calls.count("get_command_invocation") == 1


def test_a_command_whose_hosts_have_all_ended_is_asked_no_more() -> None:
    slow = ids(60)[59]
    stand = Stand(Account(status={slow: "InProgress"}))
    stand.clock.during = lambda slept: stand.account.status.pop(slow, None) if slept > 1 else None
    stand.run(60)
    polls = stand.account.calls.count("list_command_invocations")
    assert polls == len(stand.clock.slept) + 2


def test_a_host_that_left_is_not_waited_for() -> None:
    left = ids(2)[1]
    stand = Stand(Account(instances={ids(2)[0]: "web-0"}, status={left: "InProgress"}))
    first, second = stand.run(2)
    assert first.outcome == "healthy"
    assert (second.outcome, second.reason.partition(":")[0]) == ("silent", "it is gone")
    assert FIRST < sum(stand.clock.slept) < NEXT


def test_hosts_that_are_waited_for_long_are_seen_meanwhile_and_others_are_not() -> None:
    slow = ids(2)[1]
    stand = Stand()
    stand.run()
    assert stand.target.seen_meanwhile() is None, "they answered at once"
    stand.account.status[slow] = "InProgress"
    stand.clock.during = lambda slept: stand.account.status.pop(slow, None) if slept > 2 * FIRST else None
    stand.run()
    seen = stand.target.seen_meanwhile()
    assert seen is not None
    assert [unit.id for unit in seen] == ids(2)


def test_a_host_that_left_just_before_the_send_does_not_keep_the_others_from_it() -> None:
    left = ids(3)[1]
    there = {one: one for one in ids(3) if one != left}
    stand = Stand(Account(instances=there, invalid={left}))
    assert [one.outcome for one in stand.run(3)] == ["healthy", "silent", "healthy"]
    assert stand.account.sent[0]["InstanceIds"] == [ids(3)[0], ids(3)[2]]


def test_hosts_that_all_left_are_silent_and_no_command_is_sent() -> None:
    stand = Stand(Account(instances={"i-0": "other"}, invalid=set(ids(2))))
    assert [one.outcome for one in stand.run(2)] == ["silent", "silent"]
    assert stand.account.sent == []


def test_an_id_that_ssm_refuses_for_another_reason_is_an_outside_failure() -> None:
    stand = Stand(Account(instances={one: one for one in ids(2)}, invalid=set(ids(1))))
    with pytest.raises(ServiceFailed):
        stand.run(2)


def test_one_failing_host_does_not_cut_the_others_of_its_command_off() -> None:
    stand = Stand()
    stand.run(50)
    assert (stand.account.sent[0]["MaxConcurrency"], stand.account.sent[0]["MaxErrors"]) == ("50", "50")


def test_just_after_the_send_an_empty_list_and_an_unknown_invocation_mean_not_yet() -> None:
    long = verdict(evidence="x" * 3000)
    stand = Stand(Account(unseen=3, unknown=2, output={ids(1)[0]: long}))
    assert [one.outcome for one in stand.run(1)] == ["healthy"]
    assert len(stand.clock.slept) == 5


def test_polls_begin_quickly_and_slow_down() -> None:
    stand = Stand(Account(instances={ids(1)[0]: "web-0"}, unseen=40))
    stand.run(1)
    assert stand.clock.slept[0] < 0.1
    assert all(wait <= 2.5 for wait in stand.clock.slept)
    assert stand.clock.slept[-1] >= 1.5


@pytest.mark.parametrize("status", ["Delivery Timed Out", "DeliveryTimedOut", "Undeliverable", "Terminated"])
def test_an_ending_without_a_verdict_is_silence_in_words(status: str) -> None:
    one = ids(1)[0]
    stand = Stand(Account(status={one: status}, output={one: ""}))
    [report] = stand.run(1)
    assert (report.outcome, report.reason) == ("silent", WORDS[status.replace(" ", "")])


def test_answers_are_counted_once_there_is_one() -> None:
    slow, quick = ids(2)
    phases: list[str] = []
    stand = Stand(Account(status={slow: "InProgress", quick: "InProgress"}))

    def later(phase: str) -> None:
        phases.append(phase)
        stand.account.status.pop(quick if len(phases) == 1 else slow, None)

    stand.target.observe(hosts(2), later)
    assert list(dict.fromkeys(phases)) == ["waiting for 2 hosts", "1 of 2 hosts answered", "2 of 2 hosts answered"]


def test_a_program_that_died_leaves_what_it_said_as_evidence() -> None:
    one = ids(1)[0]
    stand = Stand(Account(status={one: "Failed"}, output={one: "half a line"}, errors="bash: boom\n"))
    [report] = stand.run(1)
    assert report.reason == "its program failed without a verdict"
    assert report.evidence == "half a line\nbash: boom"


@pytest.mark.parametrize(
    ("errors", "cause"),
    [
        ("mkdir: cannot create directory '/x': Read-only file system", "its disk is read-only"),
        ("write /x: No space left on device", "its disk is full"),
        ("write /x: Disk quota exceeded", "its disk quota is used up"),
        ("write /x: Input/output error", "its disk fails"),
    ],
)
def test_a_program_that_died_of_its_hosts_disk_says_so(errors: str, cause: str) -> None:
    one = ids(1)[0]
    stand = Stand(Account(status={one: "Failed"}, output={one: ""}, errors=f"{errors}\n"))
    [report] = stand.run(1)
    assert report.outcome == "silent"
    assert report.reason.startswith(f"its program failed without a verdict; {cause}")
    assert errors in report.evidence


def test_a_verdict_counts_whatever_the_exit_code() -> None:
    one = ids(1)[0]
    stand = Stand(Account(status={one: "Failed"}, output={one: verdict("rolled-back", reason="it answered 500")}))
    [report] = stand.run(1)
    assert (report.outcome, report.reason) == ("rolled-back", "it answered 500")


def test_a_host_that_never_ends_is_silent_once_its_time_is_over() -> None:
    one = ids(1)[0]
    stand = Stand(Account(instances={one: "web-0"}, status={one: "InProgress"}))
    [report] = stand.run(1)
    assert (report.outcome, report.reason) == ("silent", "SSM never said how it ended")
    assert sum(stand.clock.slept) >= DELIVERY + 900 + GRACE


def test_a_question_to_a_host_that_hangs_is_given_up_after_its_own_time() -> None:
    one = ids(1)[0]
    stand = Stand(Account(instances={one: "web-0"}, status={one: "InProgress"}))
    [report] = stand.observe(1)
    assert report.outcome == "silent"
    assert DELIVERY + 60 + GRACE <= sum(stand.clock.slept) < DELIVERY + 60 + GRACE + 5


def test_commands_that_another_process_sent_have_the_time_of_an_action() -> None:
    one = ids(1)[0]
    stand = Stand(Account(instances={one: "web-0"}, status={one: "InProgress"}))
    stand.start(1)
    stand.observe(1)
    started = stand.account.sent[0]
    [found] = connect_again(stand).operations(CHANGE.deployment_id, datetime(2026, 11, 1, tzinfo=UTC))
    assert found.units == tuple(started["InstanceIds"])
    stand.clock.slept.clear()
    [report] = connect_again(stand).finish([found], CHANGE, hosts(1), lambda _: None)
    assert report.outcome == "silent"
    assert sum(stand.clock.slept) >= DELIVERY + 900 + GRACE


def connect_again(stand: Stand) -> Ec2Target:
    return Stand(stand.account, clock=stand.clock).target


def test_an_account_that_stops_answering_while_hosts_act_is_an_outside_failure() -> None:
    def fail(operation: str) -> None:
        if operation == "list_command_invocations":
            raise EndpointConnectionError(endpoint_url="https://ssm")

    with pytest.raises(ServiceFailed):
        Stand(Account(failing=fail)).run(1)


def _adopted(account: Account, count: int = 60) -> str:
    """What is said of an adoption that fails."""
    with pytest.raises(ServiceFailed) as caught:
        Stand(account).target.adopt(hosts(count), lambda _: None, undo=False)
    return caught.value.state


def test_lines_that_hosts_may_be_running_are_never_said_to_have_changed_nothing() -> None:
    def silent(operation: str) -> None:
        if operation == "list_command_invocations":
            raise EndpointConnectionError(endpoint_url="https://ssm")

    assert _adopted(Account(failing=_failing_from(1))) == "Nothing was changed."
    assert _adopted(Account(failing=_failing_from(2))) == "Hosts may be acting on SSM command command-1."
    assert _adopted(Account(failing=silent), 1) == "Hosts may be acting on SSM command command-1."
    assert _adopted(_answers_lost(Account(), 1)) == (
        "AWS did not say whether it took the command: hosts may be acting on it."
    )


def test_what_goes_backward_is_ordered_as_a_rollback() -> None:
    """Hosts deploy nothing older than what ran there."""
    using = settings()
    ec2 = using.environment("dev").runs_on(Ec2)
    assert ec2
    assert order(using, ec2, CHANGE).action == "deploy"
    assert order(using, ec2, replace(CHANGE, backward=True)).action == "rollback"
