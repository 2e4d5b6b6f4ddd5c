"""A real deploy whose process is killed (SIGKILL, at a chosen moment), and what --resume makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagship.errors import Held, Refused
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.deploy import deploy
from tagship.verbs.lock import lock
from tagship.verbs.resume import resume
from tagship.verbs.status import status
from tests.sandbox import shop
from tests.sandbox.conftest import git, start, until
from tests.sandbox.shop import Shop

NAMES = [f"e{number}" for number in range(1, 6)]
RUN = "from tagship.tasks.program import run; run()"
DIES = """
import os
from tagship.adapters.targets.ec2.target import Ec2Target
start = Ec2Target.start
def dying(target, change, units):
    if change.action == "deploy":
        {first}
        os.kill(os.getpid(), 9)
    return start(target, change, units)
Ec2Target.start = dying
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    root = shop.make(tmp_path_factory.mktemp("resume"), NAMES)
    settings = root / "tagship.toml"
    settings.write_text(settings.read_text("utf-8").replace("ec2.drain = 0", "ec2.drain = 0\nlease_ttl = 10"), "utf-8")
    git(root, "commit", "--quiet", "--all", "-m", "Let a lease live for ten seconds")
    yield root, start(root, hosts=2)
    lifecycle.down(root)


_free = iter(NAMES)


@pytest.fixture
def here(running: tuple[Path, Running]) -> Shop:
    """An environment of its own, with 0.1.0 deployed."""
    made = Shop(*running, next(_free))
    deploy(made.app(), artifact=made.publish("0.1.0"))
    return made


def command(here: Shop, *words: str, before: str = "") -> subprocess.Popen[str]:
    """`tagship …` in a process of its own, after some other lines of Python."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{before}\n{RUN}", *words],
        cwd=here.root,
        env={**os.environ, "PYTHONPATH": str(shop.HERE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def expired(here: Shop) -> None:
    app = here.app()
    until(lambda: lock(app, env=here.environment)[0].state == "expired", 30)


def acting(here: Shop) -> None:
    app = here.app()
    until(lambda: "hosts act" in lock(app, env=here.environment)[0].phase, 60)


def orders(here: Shop) -> list[tuple[str, int]]:
    """The orders that SSM was ever given for the latest deployment: action, and how many hosts."""
    last = here.app().ledger.deployments(here.environment)[-1]
    sent = here.app().target(here.environment).operations(last.id, datetime.now(UTC) - timedelta(hours=1))
    return [(one.action, len(one.units)) for one in sent]


def states(here: Shop) -> list[str]:
    return [one.state for one in here.app().ledger.deployments(here.environment)[-1].entries]


def test_killed_while_the_hosts_act_it_is_found_and_ended_with_one_command_ever_sent(here: Shop) -> None:
    slow = here.publish("0.1.1", "slow", delay=3)
    ran = command(here, "deploy", "--artifact", slow)
    acting(here)
    ran.send_signal(signal.SIGKILL)
    assert ran.wait(10) == -signal.SIGKILL
    ran.communicate()
    with pytest.raises(Held) as caught:
        resume(here.app(), env=here.environment)
    assert f"inv resume --env {here.environment}" in caught.value.remedy
    expired(here)
    [found] = status(here.app(), env=here.environment)
    assert found.resume == f"inv resume --env {here.environment}"
    taken = command(here, "deploy", "--resume")
    out, err = taken.communicate(timeout=60)
    assert taken.returncode == 0, out + err
    assert f"{slow} is healthy on {here.environment}" in out
    assert here.serving() == [slow] * 2
    assert orders(here) == [("deploy", 2)]
    assert states(here) == ["requested", "started", "started", "healthy"]
    assert lock(here.app(), env=here.environment)[0].state == "free"


def test_killed_before_it_sent_anything_it_is_sent_once(here: Shop) -> None:
    new = here.publish("0.1.1")
    ran = command(here, "deploy", "--artifact", new, before=DIES.format(first="pass"))
    ran.communicate(timeout=60)
    assert ran.returncode == -signal.SIGKILL
    assert orders(here) == []
    expired(here)
    assert resume(here.app(), env=here.environment).state == "healthy"
    assert here.serving() == [new] * 2
    assert orders(here) == [("deploy", 2)]


def test_killed_before_the_commands_id_was_written_down_it_is_found_all_the_same(here: Shop) -> None:
    new = here.publish("0.1.1")
    ran = command(here, "deploy", "--artifact", new, before=DIES.format(first="start(target, change, units)"))
    ran.communicate(timeout=60)
    assert ran.returncode == -signal.SIGKILL
    assert states(here) == ["requested"]
    expired(here)
    assert resume(here.app(), env=here.environment).state == "healthy"
    assert here.serving() == [new] * 2
    assert orders(here) == [("deploy", 2)]


def test_killed_and_broken_it_is_put_back(here: Shop) -> None:
    bad = here.publish("0.1.1", "error")
    ran = command(here, "deploy", "--artifact", bad)
    acting(here)
    ran.kill()
    ran.communicate(timeout=10)
    expired(here)
    taken = command(here, "deploy", "--resume", "--env", here.environment)
    out, err = taken.communicate(timeout=60)
    assert taken.returncode == 6, out + err
    assert here.serving() == [here.version("0.1.0")] * 2
    assert states(here)[-2:] == ["failed", "rolled-back"]
    with pytest.raises(Refused):
        resume(here.app(), env=here.environment)


def test_of_two_that_take_it_up_at_once_one_does_and_the_other_is_refused(here: Shop) -> None:
    slow = here.publish("0.1.1", "slow", delay=3)
    ran = command(here, "deploy", "--artifact", slow)
    acting(here)
    ran.kill()
    ran.communicate(timeout=10)
    expired(here)
    both = [command(here, "deploy", "--resume", "--env", here.environment) for _ in range(2)]
    said = [one.communicate(timeout=90) for one in both]
    done, refused = sorted(one.returncode for one in both)
    assert done == 0, said
    assert refused in {Held.exit_code, Refused.exit_code}, said  # while the first is at it, or once that has ended it
    assert here.serving() == [slow] * 2
    assert orders(here) == [("deploy", 2)]
