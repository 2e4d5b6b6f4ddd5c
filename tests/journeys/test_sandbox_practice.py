"""A job on demand, and its secrets, as they are practised: typed in the practice clone, seen in what the job did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tagship.sandbox import lifecycle, state
from tagship.sandbox.hosts import processes
from tagship.sandbox.state import Running
from tests.sandbox import shapes
from tests.sandbox.conftest import git

ON_DEMAND = """\
run_at_deploy = false
[environments.dev.secrets]
parameter_store = "/shape/dev"
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two hosts, asked for as a person does, and a GREETING in .env.example."""
    root = shapes.make(tmp_path_factory.mktemp("practice") / "repository", shapes.JOB + ON_DEMAND)
    (root / ".env.example").write_text("GREETING=an example\n", "utf-8")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Give an example")
    shapes.inv(root, "sandbox", "up", "--hosts", "2")
    running = state.locate(root)
    assert running
    yield running
    lifecycle.down(root)
    assert not processes.belonging(running.folder)


def ran(running: Running) -> list[list[str]]:
    """What the job has written on each host, a line each time that it ran."""
    files = [host.root / "opt/shape/output/ran" for host in running.hosts]
    return [file.read_text("utf-8").splitlines() if file.exists() else [] for file in files]


def test_a_job_on_demand_runs_when_it_is_asked_for_with_the_secrets_of_its_version(running: Running) -> None:
    assert [host.name for host in running.hosts] == ["shape-dev-1", "shape-dev-2"]
    said = shapes.inv(running.work, "sandbox", "run-timer", fails=True)
    assert "shape-dev-1 has no job yet" in said
    shapes.ship(running.work, "0.1.0-dev")
    assert ran(running) == [[], []], "it waits to be asked"
    said = shapes.inv(running.work, "sandbox", "run-timer")
    assert "SANDBOX: the job ran on shape-dev-2, exit code 0." in said
    assert ran(running) == [["ran 0.1.0-dev with an example"]] * 2
    wrote = shapes.inv(running.work, "logs")
    assert [wrote.count(f"{host.name}  ran 0.1.0-dev with an example") for host in running.hosts] == [1, 1], wrote

    said = shapes.inv(running.work, "sandbox", "secret", "GREETING=a changed one")
    assert "SANDBOX: GREETING is kept as /shape/dev/GREETING." in said
    assert "a changed one" not in said
    shapes.inv(running.work, "sandbox", "run-timer")
    assert [lines[-1] for lines in ran(running)] == ["ran 0.1.0-dev with an example"] * 2
    git(running.work, "commit", "--quiet", "--allow-empty", "-m", "Take it up")
    shapes.ship(running.work, "0.1.1-dev")
    shapes.inv(running.work, "sandbox", "run-timer")
    assert [lines[-1] for lines in ran(running)] == ["ran 0.1.1-dev with a changed one"] * 2

    shapes.inv(running.work, "sandbox", "secret", "OTHER=kept")
    shapes.inv(running.work, "sandbox", "secret", "GREETING", "--remove")
    git(running.work, "commit", "--quiet", "--allow-empty", "-m", "Do without it")
    shapes.ship(running.work, "0.1.2-dev")
    shapes.inv(running.work, "sandbox", "run-timer")
    assert [lines[-1] for lines in ran(running)] == ["ran 0.1.2-dev with nothing"] * 2


def test_without_the_last_secret_nothing_is_published_and_that_is_said(running: Running) -> None:
    for name in ("GREETING", "OTHER"):
        shapes.inv(running.work, "sandbox", "secret", f"{name}=1")
    shapes.inv(running.work, "sandbox", "secret", "OTHER", "--remove")
    said = shapes.inv(running.work, "sandbox", "secret", "GREETING", "--remove")
    assert "Nothing is left below /shape/dev, and no version is published until something is." in said
    git(running.work, "commit", "--quiet", "--allow-empty", "-m", "Have none")
    git(running.work, "tag", "-a", "0.1.3-dev", "-m", "0.1.3-dev")
    shapes.inv(running.work, "bundle", "--version", "0.1.3-dev")
    said = shapes.inv(running.work, "publish", "--version", "0.1.3-dev", fails=True)
    assert "There is no parameter below /shape/dev" in said
    assert "Put one there: inv sandbox secret NAME=value" in said
