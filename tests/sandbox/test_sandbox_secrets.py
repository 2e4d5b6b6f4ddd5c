"""`inv sandbox secret`: which names it takes, what it says of the others, and that each remedy leads on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship import settings
from tagship.errors import UsageError
from tagship.sandbox import lifecycle
from tagship.sandbox.play import report
from tagship.sandbox.state import Running
from tests.sandbox.conftest import SETTINGS, client, git, repository, start

TAKES = """
[environments.dev.variables]
GREETING = "hello"
[environments.dev.secrets]
parameter_store = "/tiny/dev/"
secrets_manager = { API_TOKEN = "tiny/api#token", CERTIFICATE = "tiny/cert" }
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    example = "DB_PASSWORD=from the example\nlower_case=1\nPORT=80\nGREETING=hi\nAPI_TOKEN=\n"
    root = repository(tmp_path_factory.mktemp("secrets"), {"tagship.toml": SETTINGS + TAKES, ".env.example": example})
    yield start(root)
    lifecycle.down(root)


def secret(running: Running, item: str, *, remove: bool = False) -> list[str]:
    asked = report.Request("secret", item=item, remove=remove)
    return list(report.perform(asked, running.folder.parents[1]).lines)


def parameters(running: Running) -> dict[str, str]:
    found = client(running, "ssm").get_parameters_by_path(Path="/tiny/dev", Recursive=True, WithDecryption=True)
    return {entry["Name"]: entry["Value"] for entry in found["Parameters"]}


def refusal(running: Running, item: str, *, remove: bool = False) -> UsageError:
    with pytest.raises(UsageError) as caught:
        secret(running, item, remove=remove)
    return caught.value


def test_the_example_is_kept_as_the_variables_that_it_would_be(running: Running) -> None:
    assert parameters(running) == {"/tiny/dev/DB_PASSWORD": "from the example", "/tiny/dev/LOWER_CASE": "1"}
    assert (
        client(running, "secretsmanager").get_secret_value(SecretId="tiny/api")["SecretString"]
        == '{"token": "sandbox"}'
    )


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("PORT=1", "PORT cannot be a secret: it is set by the host itself"),
        ("UID=1", "UID cannot be a secret: it is set by the host itself"),
        ("DB-PASS=1", r"DB-PASS cannot be a secret: it is not a variable's name"),
        ("GREETING=1", "GREETING cannot be a secret: it has its value in `variables` of tagship.toml"),
        ("db_password=1", "db_password cannot be a secret: it would be the variable DB_PASSWORD"),
        ("=1", "An empty name cannot be a secret"),
        ("PORT", "PORT cannot be a secret"),
        ("DB_PASSWORD", "DB_PASSWORD was given no value"),
        ("DB_PASSWORD=", "DB_PASSWORD was given an empty value"),
    ],
)
def test_a_name_that_is_refused_says_why_and_what_would_be_taken(running: Running, item: str, why: str) -> None:
    before = parameters(running)
    problem = refusal(running, item)
    assert problem.what.startswith(why)
    assert parameters(running) == before
    advised = shlex.split(problem.remedy.partition(": ")[2].partition(";")[0])
    assert advised[:3] == ["inv", "sandbox", "secret"]
    assert "is kept as" in secret(running, advised[3])[0]


def test_a_secret_is_removed_however_it_is_spelled_and_can_be_put_again(running: Running) -> None:
    secret(running, "SPELLED=one")
    client(running, "ssm").put_parameter(Name="/tiny/dev/spelled", Value="two", Type="SecureString")
    problem = refusal(running, "SPELLED=three")
    assert problem.what == "/tiny/dev/spelled is the variable SPELLED already."
    assert problem.remedy == "Remove it first: inv sandbox secret SPELLED --remove"
    lines = secret(running, "SPELLED", remove=True)
    assert lines[:2] == ["SANDBOX: /tiny/dev/SPELLED is removed.", "SANDBOX: /tiny/dev/spelled is removed."]
    assert lines[2].endswith("/work is without SPELLED.")
    assert refusal(running, "SPELLED", remove=True).what == "The sandbox has no secret SPELLED."
    assert secret(running, "SPELLED=four")[0] == "SANDBOX: SPELLED is kept as /tiny/dev/SPELLED."


@pytest.mark.parametrize(("name", "place"), [("API_TOKEN", "tiny/api#token"), ("CERTIFICATE", "tiny/cert")])
def test_a_secret_of_secrets_manager_is_put_and_removed(running: Running, name: str, place: str) -> None:
    assert secret(running, f"{name}=first")[0] == f"SANDBOX: {name} is kept as {place}."
    assert secret(running, name, remove=True)[0] == f"SANDBOX: {place} is removed."
    assert refusal(running, name, remove=True).what == f"The sandbox has no secret {name}."
    secret(running, f"{name}=second")


def test_the_settings_of_the_practice_clone_are_read(running: Running) -> None:
    file = running.work / settings.FILE
    kept = file.read_text("utf-8")
    file.write_text(kept.replace("/tiny/dev/", "/tiny/moved"), "utf-8")
    lines = secret(running, "MOVED=1")
    file.write_text(kept, "utf-8")
    assert lines[0] == "SANDBOX: MOVED is kept as /tiny/moved/MOVED."
    assert str(running.work) in lines[1]


def test_settings_without_secrets_say_where_to_name_them(running: Running) -> None:
    file = running.work / settings.FILE
    kept = file.read_text("utf-8")
    file.write_text(SETTINGS, "utf-8")
    problem = refusal(running, "DB_PASSWORD=1")
    file.write_text(kept, "utf-8")
    assert problem.what == "No environment in tagship.toml has secrets."
    assert problem.remedy.endswith('[environments.dev.secrets] parameter_store = "/tiny/dev"')


@pytest.mark.parametrize(("action", "flag"), [("down", "hosts"), ("status", "hosts"), ("up", "remove")])
def test_a_flag_of_another_action_is_refused(running: Running, action: str, flag: str) -> None:
    asked = report.Request(action, hosts="3" if flag == "hosts" else "", remove=flag == "remove")
    with pytest.raises(UsageError, match=f"sandbox {action} takes no --{flag}"):
        report.perform(asked, running.folder.parents[1])


def test_what_is_seeded_is_what_the_practice_clone_ships(tmp_path: Path) -> None:
    """Not what stands uncommitted in the repository around it."""
    root = repository(tmp_path / "repository", {"tagship.toml": SETTINGS + TAKES, ".env.example": "DB_PASSWORD=1\n"})
    (root / settings.FILE).write_text((SETTINGS + TAKES).replace("/tiny/dev/", "/tiny/elsewhere"), "utf-8")
    assert git(root, "status", "--porcelain") == "M tagship.toml"
    try:
        assert parameters(start(root)) == {"/tiny/dev/DB_PASSWORD": "1"}
    finally:
        lifecycle.down(root)
