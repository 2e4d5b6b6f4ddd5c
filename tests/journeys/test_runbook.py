"""The runbook's first screen, typed as it stands there, with three hosts. The commands are read off the page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tagship.sandbox import lifecycle
from tagship.verbs.lock import lock
from tests.docs.pages import blocks
from tests.sandbox import shop
from tests.sandbox.conftest import post, start, until
from tests.sandbox.shop import Shop

RUNBOOK = Path(__file__).parents[2] / "docs/runbook.md"
STEPS = ("status", "history", "freeze", "rollback", "verify", "thaw")
GOOD, BROKEN = "0.1.29-dev", "0.1.30-dev"  # as the page has them

PATIENT = {"TAGSHIP_ENVIRONMENTS_DEV_HEALTH_ATTEMPTS": "60", "TAGSHIP_ENVIRONMENTS_DEV_EC2_TIMEOUT": "300"}


def on_the_page() -> Mapping[str, str]:
    """verb -> the command of the first screen, as it stands there."""
    lines = [re.sub(r"\s+#.*", "", line) for line in blocks("docs/runbook.md")[0].text.splitlines()]
    return {shlex.split(line)[1]: line for line in lines}


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Three hosts that ran 0.1.29-dev, and now run 0.1.30-dev, which somebody finds to be broken."""
    root = shop.make(tmp_path_factory.mktemp("runbook") / "shop", ["dev"])
    (root / "tasks.py").write_text("from tagship.tasks import ns\n", "utf-8")
    made = Shop(root, start(root, hosts=3), "dev")
    for version in (GOOD, BROKEN):
        assert made.publish(version.removesuffix("-dev")) == version
        typed(made, f"inv deploy --version {version}")
    assert made.serving() == [BROKEN] * 3
    yield made
    lifecycle.down(root)


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "160"}


def typed(at: Shop, line: str, code: int = 0) -> str:
    """Type a line into a shell in the repository; its output. It has to end with that exit code."""
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=at.root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, f"$ {line}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_the_first_screen_is_look_hold_go_back_over_and_thaw() -> None:
    assert tuple(on_the_page()) == STEPS


def test_typed_from_top_to_bottom_it_ends_the_incident(incident: Shop) -> None:
    page = on_the_page()
    assert typed(incident, page["status"]).count(BROKEN) >= 3
    assert GOOD in typed(incident, page["history"])
    typed(incident, page["verify"], code=6)
    typed(incident, page["freeze"])
    assert "is frozen until" in typed(incident, f"inv deploy --version {BROKEN}", code=4)
    typed(incident, page["rollback"])
    assert incident.serving() == [GOOD] * 3
    typed(incident, page["verify"])
    typed(incident, page["thaw"])
    assert "is marked bad" in typed(incident, f"inv deploy --version {BROKEN}", code=3)
    assert incident.serving() == [GOOD] * 3


def test_in_one_line_it_holds_and_goes_back(incident: Shop) -> None:
    page = on_the_page()
    line = "inv rollback --to 0.1.29-dev --freeze 8h"
    assert f"`{line}`" in RUNBOOK.read_text("utf-8").split("## It says", 1)[0]
    typed(incident, f"inv deploy --version {BROKEN} --allow-bad")
    said = typed(incident, line)
    assert said.index("dev is frozen until") < said.index("sending rollback")
    assert incident.serving() == [GOOD] * 3
    assert "is frozen until" in typed(incident, f"inv deploy --version {BROKEN} --allow-bad", code=4)
    typed(incident, page["thaw"])


def test_with_preempt_it_ends_a_deployment_that_is_under_way(incident: Shop) -> None:
    page, newer = on_the_page(), incident.publish("0.1.31", "slow", delay=90)
    assert "`--preempt`" in RUNBOOK.read_text("utf-8").split("## It says", 1)[0]
    line, patient = ["inv", "deploy", "--version", newer], {**environment(), **PATIENT}
    with subprocess.Popen(line, cwd=incident.root, env=patient, stdout=subprocess.DEVNULL) as under_way:
        app = incident.app()
        until(lambda: "hosts act" in lock(app, env="dev")[0].phase, 60)
        assert "--preempt" in typed(incident, page["rollback"], code=4)
        typed(incident, f"{page['rollback']} --preempt")
        assert under_way.wait(60) == 4
    assert incident.serving() == [GOOD] * 3
    typed(incident, page["verify"])


def next_of(said: str) -> str:
    """The command that the last line of an error names."""
    [line] = [line for line in said.splitlines() if line.startswith(" next: ")]
    return re.search(r"inv [^(]+", line)[0].strip()  # type: ignore[index]


def test_with_a_host_offline_the_others_go_back_and_what_it_says_brings_that_one_later(incident: Shop) -> None:
    page, last = on_the_page(), incident.hosts[-1]
    typed(incident, f"inv deploy --version {BROKEN} --allow-bad")
    post(incident.running, f"hosts/{last.id}/offline")
    said = typed(incident, page["rollback"], code=9)
    assert f"{GOOD} serves on 2 of 3 hosts of dev; not on {last.name} ({last.id})" in said
    assert incident.serving() == [GOOD, GOOD, BROKEN]
    assert next_of(typed(incident, "inv heal --env dev", code=9)) == "inv heal --env dev"
    post(incident.running, f"hosts/{last.id}/online")
    assert f"{BROKEN} is marked bad" in typed(incident, page["status"])
    typed(incident, next_of(said))
    typed(incident, page["verify"])
    assert incident.serving() == [GOOD] * 3


def test_a_deployment_for_which_a_host_is_offline_names_the_way_without_it(incident: Shop) -> None:
    page, last = on_the_page(), incident.hosts[-1]
    before = incident.serving()[-1]
    mended = incident.publish("0.1.32")
    post(incident.running, f"hosts/{last.id}/offline")
    said = typed(incident, f"inv deploy --version {mended}", code=3)
    assert f"--skip {last.name}" in said
    typed(incident, next_of(said), code=9)
    assert incident.serving() == [mended, mended, before]
    post(incident.running, f"hosts/{last.id}/online")
    assert f"{last.name} (skipped)" in typed(incident, page["status"])
    typed(incident, "inv heal --env dev")
    assert incident.serving() == [mended] * 3
