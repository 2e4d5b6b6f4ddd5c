"""Sessions in botocore's own shapes, and the plugin as a program: its environment has the token, and no argument."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pytest
from botocore.stub import Stubber

from tagship.adapters.aws.session import Aws
from tagship.adapters.aws.sessions import VARIABLE, executed, opened
from tagship.adapters.machine import LocalMachine
from tagship.adapters.targets.ecs.logs import entered
from tagship.errors import NotAllowed, Refused
from tagship.verbs.shell import shell
from tests.unit.verbs.test_shell import sandboxed

SECRET = "a-token-of-one-session"
PLUGIN = """
import json, os, sys
open(sys.argv[1], "w").write(json.dumps([sys.argv[2:], os.environ["THE_SESSION"]]))
sys.exit(3)
"""


@contextmanager
def stubbed(aws: Aws, service: str, *answers: tuple[str, dict[str, Any], dict[str, Any]]) -> Iterator[None]:
    with Stubber(aws.client(service)) as stub:
        for operation, answer, asked in answers:
            stub.add_response(operation, answer, asked)
        yield
        stub.assert_no_pending_responses()


@pytest.fixture
def aws() -> Aws:
    return Aws("eu-west-1", "http://127.0.0.1:9", sandbox=True)


def test_a_session_on_a_host(aws: Aws) -> None:
    answer = {"SessionId": "ada-1", "TokenValue": SECRET, "StreamUrl": "wss://there"}
    with stubbed(aws, "ssm", ("start_session", answer, {"Target": "i-1"})):
        session = opened(aws, "i-1")
    assert json.loads(session.opened[VARIABLE]) == answer
    assert (session.parameters, session.region) == ({"Target": "i-1"}, "eu-west-1")
    assert SECRET not in repr(session)


def test_a_session_that_this_identity_may_not_open(aws: Aws) -> None:
    with Stubber(aws.client("ssm")) as stub:
        stub.add_client_error("start_session", "AccessDeniedException", "no", 400)
        with pytest.raises(NotAllowed, match="may not ssm:StartSession"):
            opened(aws, "i-1")


ARN = "arn:aws:ecs:eu-west-1:123456789012:task/dev/0a1b"
TASK = {
    "taskArn": ARN,
    "lastStatus": "RUNNING",
    "enableExecuteCommand": True,
    "containers": [{"name": "app", "lastStatus": "RUNNING", "runtimeId": "0a1b-77"}],
}
LISTED = ("list_tasks", {"taskArns": [ARN]}, {"cluster": "dev", "serviceName": "web", "desiredStatus": "RUNNING"})


def described(**more: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "describe_tasks", {"tasks": [{**TASK, **more}]}, {"cluster": "dev", "tasks": [ARN]}


def test_a_shell_in_the_first_running_task(aws: Aws) -> None:
    asked = {"cluster": "dev", "task": "0a1b", "container": "app", "command": "/bin/sh", "interactive": True}
    answer = {"session": {"sessionId": "s-1", "tokenValue": SECRET, "streamUrl": "wss://there"}}
    with stubbed(aws, "ecs", LISTED, described(), ("execute_command", answer, asked)):
        session = entered(aws, "dev", "web")
    assert session.parameters == {"Target": "ecs:dev_0a1b_0a1b-77"}
    assert json.loads(session.opened[VARIABLE])["SessionId"] == "s-1"


@pytest.mark.parametrize(
    ("answers", "problem", "remedy"),
    [
        ((LISTED, described(enableExecuteCommand=False)), "ECS Exec is off for its tasks", "--enable-execute-command"),
        (((LISTED[0], {"taskArns": []}, LISTED[2]),), "no task of it runs", "aws ecs list-tasks --cluster dev"),
    ],
)
def test_what_is_missing_is_said_with_the_command(
    aws: Aws, answers: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...], problem: str, remedy: str
) -> None:
    with stubbed(aws, "ecs", *answers), pytest.raises(Refused, match=problem) as refused:
        entered(aws, "dev", "web")
    assert remedy in refused.value.remedy


def test_a_program_has_the_terminal_its_variables_and_its_exit_code(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PLUGIN, str(tmp_path / "ran"), "StartSession"]
    assert LocalMachine({"PATH": "/usr/bin"}).attach(command, {"THE_SESSION": SECRET}) == 3
    assert json.loads((tmp_path / "ran").read_text()) == [["StartSession"], SECRET]


def test_executed_is_bound_to_one_container(aws: Aws) -> None:
    asked = {"cluster": "dev", "task": "t", "container": "c", "command": "/bin/sh", "interactive": True}
    answer = {"session": {"sessionId": "s", "tokenValue": SECRET, "streamUrl": "u"}}
    with stubbed(aws, "ecs", ("execute_command", answer, asked)):
        assert executed(aws, "dev", "t", "c", "r").parameters == {"Target": "ecs:dev_t_r"}


def test_a_sandboxs_answer_is_a_folder_and_nobody_elses_is(aws: Aws, tmp_path: Path) -> None:
    answer = {"SessionId": "sandbox-i-1", "TokenValue": "none", "StreamUrl": (tmp_path / "a host").as_uri()}
    with stubbed(aws, "ssm", ("start_session", answer, {"Target": "i-1"})):
        assert opened(aws, "i-1").folder == str(tmp_path / "a host")
    real = replace(aws, sandbox=False, keys=("AKIAEXAMPLE", "secret"), _sessions=[])
    with stubbed(real, "ssm", ("start_session", answer, {"Target": "i-1"})):
        assert opened(real, "i-1").folder == ""


def test_the_prompt_of_a_sandboxs_shell_says_where_it_is(tmp_path: Path) -> None:
    app, plugin = sandboxed(str(tmp_path))
    shell(app)
    [(words, variables)] = plugin.ran
    child = pexpect.spawn(
        words[0], words[1:], env={"PATH": os.environ["PATH"], "TERM": "dumb", **variables}, timeout=20
    )
    child.expect_exact("SANDBOX web-1$ ")
    child.sendline("exit")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
