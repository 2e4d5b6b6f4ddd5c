"""A host that ran the app before tagship, through the commands, Run Command and a shell on the host: found, taken over,
deployed to, and given back. (Units and containers: tests/host/test_adopt.py.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.sandbox import lifecycle
from tagship.verbs.deploy import deploy
from tests.journeys.test_setup import tagship
from tests.sandbox import shop
from tests.sandbox.conftest import start
from tests.sandbox.shop import Shop
from tests.spelled import by_inv


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Shop]:
    root = shop.make(tmp_path, ["dev"])
    running = start(root)
    yield Shop(root, running, "dev")
    lifecycle.down(root)


def ran(here: Shop, *words: str) -> str:
    done = tagship(here, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_ran_on_a_host_before_is_found_kept_and_given_back(here: Shop) -> None:
    base = here.running.hosts[0].root / "opt/hello"
    base.mkdir(parents=True, exist_ok=True)
    (base / "app.py").write_text("print(1)\n")
    (base / ".env").write_text("TOKEN=1\n")
    assert "ran something before tagship: the folder has .env, app.py" in tagship(here, "doctor").stdout
    ran(here, "adopt", "--env", "dev", "--yes")
    assert (base.parent / "hello.before-tagship/app.py").read_text() == "print(1)\n"
    assert (base / ".env.local").read_text() == "TOKEN=1\n"
    version = here.publish("0.1.0")
    assert deploy(here.app(), artifact=version).state == "healthy"
    assert "TOKEN='1'" in (base / ".env").read_text()
    nowhere = tagship(here, "rollback", "--yes")
    assert nowhere.returncode == 3
    assert "Go back to what ran before tagship: inv adopt --env dev --undo" in by_inv(nowhere.stderr)
    given = json.loads(ran(here, "adopt", "--env", "dev", "--undo", "--yes", "--json"))
    assert (given["undo"], given["done"]) == (True, True)
    assert (base / "app.py").read_text() == "print(1)\n"
    assert (base / ".env").read_text() == "TOKEN=1\n"


def test_a_first_deployment_on_a_host_that_ran_it_before_changes_nothing_and_leads_on_as_typed(here: Shop) -> None:
    base = here.running.hosts[0].root / "opt/hello"
    base.mkdir(parents=True, exist_ok=True)
    (base / ".env").write_text("TOKEN=1\n")
    (base / ".env").chmod(0o644)
    version = here.publish("0.1.0", fault="crash")
    failed = tagship(here, "deploy", "--artifact", version, "--env", "dev")
    assert failed.returncode == 6
    assert f"{base} has what tagship did not put there: .env" in failed.stderr
    assert ((base / ".env").stat().st_mode & 0o777, [each.name for each in base.iterdir()]) == (0o644, [".env"])
    ran(here, *printed(failed.stderr, "stop and keep it"), "--yes")
    failed = tagship(here, "deploy", "--artifact", version, "--env", "dev")
    assert failed.returncode == 6
    assert "exited with code 3" in failed.stderr
    ran(here, *printed(failed.stderr, "go back to what ran before tagship"), "--yes")
    assert (base / ".env").read_text() == "TOKEN=1\n"
    assert "ran something before tagship: the folder has .env" in tagship(here, "doctor").stdout


def printed(errors: str, after: str) -> list[str]:
    """The words of the command that stands behind that in an error's last lines."""
    [line] = [line for line in errors.splitlines() if after in line]
    command = line.rpartition(": ")[2].split()
    assert command[0] == "inv"
    return command[1:]
