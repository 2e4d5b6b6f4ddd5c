"""What somebody edited by hand on a host: its status names it, and the same version deployed again mends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.test_host_changes import shipped
from tests.sandbox.bundles import make
from tests.sandbox.machine import Machine, machine

SECRET = "hunter2hunter2"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        yield one


def logs(host: Machine) -> str:
    return "".join(file.read_text("utf-8") for file in (host.base / "log").glob("*.log"))


def edit(file: Path, line: str) -> None:
    file.write_text(file.read_text("utf-8") + line + "\n", "utf-8")


def test_an_env_that_was_edited_is_named_without_its_contents_and_mended(host: Machine) -> None:
    bundle = shipped(host, "0.1.0-dev")
    before = (host.base / ".env").read_bytes()
    assert "edited" not in host.status().verdict
    edit(host.base / ".env", f"TOKEN='{SECRET}'")
    looked = host.status()
    assert looked.verdict["edited"] == [".env"]
    assert (looked.outcome, looked.verdict["serving"]) == ("healthy", "0.1.0-dev")
    assert SECRET not in looked.output
    again = host.deploy(bundle)
    assert again.outcome == "healthy", again.output
    assert "edited" not in again.verdict
    assert "Edited by hand since it was deployed: .env." in logs(host)
    assert SECRET not in logs(host)
    assert (host.base / ".env").read_bytes() == before
    assert "edited" not in host.status().verdict
    assert host.deploy(bundle).outcome == "unchanged"


def test_the_variables_of_the_running_colour_count_too(host: Machine) -> None:
    shipped(host, "0.1.0-dev")
    file = host.base / "run" / f"{host.state()['colour']}.env"
    edit(file, "X='1'")
    assert host.status().verdict["edited"] == [f"run/{file.name}"]
    file.unlink()
    assert host.status().verdict["edited"] == [f"run/{file.name}"]


def test_a_deployment_that_fails_is_no_edit(host: Machine) -> None:
    """It has written variables of its own, beside those of what serves."""
    shipped(host, "0.1.0-dev")
    bad = make("0.1.1-dev", {"fault": "error"})
    bad.put(host.bucket)
    assert host.deploy(bad).outcome == "failed"
    assert "edited" not in host.status().verdict
    shipped(host, "0.1.2-dev")
    assert "edited" not in host.status().verdict


def test_what_an_older_program_deployed_is_not_judged(host: Machine) -> None:
    shipped(host, "0.1.0-dev")
    for file in (host.base / "run").glob("*.written"):
        assert file.stat().st_mode & 0o777 == 0o600
        file.unlink()
    edit(host.base / ".env", "X='1'")
    assert "edited" not in host.status().verdict


def test_an_action_that_was_cut_off_is_no_edit(host: Machine) -> None:
    """Between the two renames of a commit, .env is the next one's already."""
    shipped(host, "0.1.0-dev")
    edit(host.base / ".env", "X='1'")
    journal = host.base / "journal.jsonl"
    last = journal.read_text("utf-8").splitlines()[-1]
    journal.write_text(journal.read_text("utf-8") + last.replace('"end"', '"commit"') + "\n", "utf-8")
    assert "edited" not in host.status().verdict
