"""The lines that take a host over and give it back, run here on a folder that stands for one.

tests/host/test_adopt.py has them on a real host: units, containers, and a deployment between.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tagship.domain.ec2 import verdict
from tagship.domain.ec2.adoption import adoption_commands
from tagship.domain.units import Report

pytestmark = pytest.mark.starts("sh")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    base = tmp_path / "opt/hello"
    (base / "data").mkdir(parents=True)
    (base / ".env").write_text("TOKEN=1\n")
    (base / "app.py").write_text("print(1)\n")
    (base / "app.py").chmod(0o755)
    return base


def run(root: Path, *, undo: bool = False, killed_at: str = "") -> Report:
    lines = "\n".join(adoption_commands("hello", 8080, undo=undo))
    if killed_at:
        assert killed_at in lines
        lines = lines.replace(killed_at, f"kill -9 $$; {killed_at}", 1)
    variables = {"TAGSHIP_HOST_ROOT": str(root), "PATH": "/usr/bin:/bin"}
    answer = subprocess.run(["sh", "-c", lines], capture_output=True, text=True, check=False, env=variables)
    assert answer.stderr == ""
    return verdict.read("i-1", answer.stdout, "nothing was said")


def files(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(each.relative_to(folder)): (each.stat().st_mode & 0o777, each.read_text())
        for each in sorted(folder.rglob("*"))
        if each.is_file()
    }


def test_the_folder_is_kept_as_it_was_and_its_env_becomes_the_hosts_own(tmp_path: Path, base: Path) -> None:
    before = files(base)
    assert run(tmp_path).outcome == "unchanged"
    assert files(tmp_path / "opt/hello.before-tagship") == before
    assert files(base) == {".env.local": (0o600, "TOKEN=1\n")}


def test_it_can_be_done_twice_and_undone(tmp_path: Path, base: Path) -> None:
    before = files(base)
    run(tmp_path)
    assert run(tmp_path).outcome == "unchanged"
    (base / "state.json").write_text("{}")
    (base / "fence").write_text("7\n")
    assert run(tmp_path, undo=True).reason == "what ran before runs again"
    fence = files(base).pop("fence")
    assert fence[1] == "7\n"
    assert {name: file for name, file in files(base).items() if name != "fence"} == before
    [aside] = (tmp_path / "opt").glob("hello.tagship-*")
    assert {"state.json", ".env.local"} <= set(files(aside))
    assert run(tmp_path, undo=True).reason == "nothing was adopted here"


@pytest.mark.parametrize(
    "step", ['mv "$base" "$before"', 'mkdir -p "$base"', 'mv "$base/.env.local.new"', "grep -qx done"]
)
def test_a_run_that_is_cut_off_is_finished_by_the_next_one(tmp_path: Path, base: Path, step: str) -> None:
    before = files(base)
    assert run(tmp_path, killed_at=step).outcome == "silent"
    assert run(tmp_path).outcome == "unchanged"
    assert files(tmp_path / "opt/hello.before-tagship") == before
    assert files(base)[".env.local"] == (0o600, "TOKEN=1\n")


def test_a_host_that_tagship_deploys_to_and_an_empty_one_are_left_alone(tmp_path: Path, base: Path) -> None:
    assert run(tmp_path / "other").reason == "nothing ran here before"
    (base / "state.json").write_text("{}")
    assert run(tmp_path).reason == "tagship deploys here already"
    assert not (tmp_path / "opt/hello.before-tagship").exists()


def test_what_stands_where_it_would_be_kept_is_not_written_over(tmp_path: Path, base: Path) -> None:
    (tmp_path / "opt/hello.before-tagship").mkdir()
    assert run(tmp_path).outcome == "refused"
    assert (base / "app.py").exists()


def test_a_link_in_the_folder_of_another_account_has_root_read_and_write_nothing_elsewhere(
    tmp_path: Path, base: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("PASSWORD=root's\n")
    (base / ".env").unlink()
    (base / ".env").symlink_to(secret)
    refused = run(tmp_path)
    assert (refused.outcome, "is a link out of its folder" in refused.reason) == ("failed", True)
    assert not (base / ".env.local").exists()
    (base / ".env.local").write_text("TOKEN=1\n")
    assert run(tmp_path).outcome == "unchanged"
    (base / "fence").write_text("7\n")
    (tmp_path / "opt/hello.before-tagship/fence").symlink_to(secret)
    assert run(tmp_path, undo=True).outcome == "unchanged"
    assert secret.read_text() == "PASSWORD=root's\n"
    assert (base / "fence").read_text() == "7\n"
    assert not (base / "fence").is_symlink()


def test_a_link_within_the_folder_is_followed(tmp_path: Path, base: Path) -> None:
    (base / "shared").mkdir()
    (base / ".env").rename(base / "shared/.env")
    (base / ".env").symlink_to("shared/.env")
    assert run(tmp_path).outcome == "unchanged"
    assert (base / ".env.local").read_text() == "TOKEN=1\n"
