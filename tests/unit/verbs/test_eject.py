"""`eject`: every host file, shown first; nothing of anybody's is overwritten, and half of them are never left."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tagship import resources
from tagship.errors import Interrupted, Refused, UsageError
from tagship.scaffold.writing import FileChange, write
from tagship.verbs.eject import eject
from tests.fakes.app import FakeApp
from tests.fakes.prompt import CTRL_C, FakePrompt


def written(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_it_writes_each_file_with_its_mode_and_says_what_comes_next(tmp_path: Path) -> None:
    app = FakeApp(root=tmp_path, prompt=FakePrompt(True))
    assert eject(app).done
    assert written(tmp_path) == list(resources.names())
    for name in resources.names():
        raw = (tmp_path / name).read_bytes()
        assert raw == resources.content(name)
        assert bool((tmp_path / name).stat().st_mode & 0o111) == resources.is_program(raw)
    assert "git add deploy && git commit" in app.screen.lines[-1]
    assert resources.is_ejected(tmp_path)


@pytest.mark.parametrize(("answer", "error"), [(False, Interrupted), (CTRL_C, Interrupted)])
def test_a_no_and_ctrl_c_leave_nothing(answer: object, error: type[Exception], tmp_path: Path) -> None:
    app = FakeApp(root=tmp_path, prompt=FakePrompt(answer))
    with pytest.raises(error):
        eject(app)
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_it_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        eject(FakeApp(root=tmp_path))
    assert caught.value.remedy == "Say it: inv eject --yes"
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_shows_each_file_and_writes_none(tmp_path: Path) -> None:
    app = FakeApp(root=tmp_path)
    assert not eject(app, dry_run=True).done
    assert all(name in app.screen.text for name in resources.names())
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_teams_is_never_overwritten(tmp_path: Path) -> None:
    theirs = tmp_path / "deploy/ec2_deploy.sh"
    theirs.parent.mkdir()
    theirs.write_text("rsync everything\n")
    with pytest.raises(Refused, match=r"deploy/ec2_deploy\.sh would be overwritten"):
        eject(FakeApp(root=tmp_path), yes=True)
    assert written(tmp_path) == ["deploy/ec2_deploy.sh"]
    assert theirs.read_text() == "rsync everything\n"


def test_a_second_time_it_shows_what_was_changed_and_writes_nothing(tmp_path: Path) -> None:
    eject(FakeApp(root=tmp_path), yes=True)
    health = tmp_path / "deploy/host/health.sh"
    health.write_text(health.read_text() + "# ours\n")
    app = FakeApp(root=tmp_path)
    assert not eject(app, yes=True).done
    assert "    -# ours" in app.screen.lines
    assert health.read_text().endswith("# ours\n")


def test_a_file_that_came_with_a_later_tagship_is_added_and_the_rest_stays(tmp_path: Path) -> None:
    eject(FakeApp(root=tmp_path), yes=True)
    health, later = tmp_path / "deploy/host/health.sh", tmp_path / "deploy/aws/region.yaml"
    health.write_text("# ours\n")
    later.unlink()
    assert not eject(FakeApp(root=tmp_path), dry_run=True).done
    assert not later.exists()
    app = FakeApp(root=tmp_path)
    made = eject(app, yes=True)
    assert (made.done, [entry.path for entry in made.files]) == (True, ["deploy/aws/region.yaml"])
    assert later.read_bytes() == resources.content("deploy/aws/region.yaml")
    assert health.read_text() == "# ours\n"
    assert "  new    deploy/aws/region.yaml " in app.screen.text


# -- written all together or not at all --------------------------------------------------------------------------------


def test_files_that_cannot_all_be_written_are_all_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("test:\n")
    (tmp_path / "taken").write_text("")
    changes = [
        FileChange("Makefile", b"test:\n", b"test:\n-include tagship.mk\n"),
        FileChange(".github/workflows/deploy.yml", None, b"on: push\n"),
        FileChange("taken/x", None, b""),  # `taken` is a file
    ]
    with pytest.raises(Refused, match="cannot be written"):
        write(tmp_path, changes)
    assert written(tmp_path) == ["Makefile", "taken"]
    assert (tmp_path / "Makefile").read_text() == "test:\n"


def test_a_full_disk_is_told_with_the_file_that_it_has_no_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _raw: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as a write fails: it names no file

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Refused) as caught:
        write(tmp_path, [FileChange("a b/Makefile", None, b"test:\n")])
    assert caught.value.what == f"{tmp_path}/a b/Makefile cannot be written: No space left on device."
    assert caught.value.remedy == f"Look at its folder: ls -ld {tmp_path}"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_changed_since_it_was_shown_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("lint:\n")
    changes = [FileChange("new", None, b"new\n"), FileChange("Makefile", b"test:\n", b"test:\nmore\n")]
    with pytest.raises(Refused, match="Makefile changed while"):
        write(tmp_path, changes)
    assert written(tmp_path) == ["Makefile"]
    assert (tmp_path / "Makefile").read_text() == "lint:\n"
