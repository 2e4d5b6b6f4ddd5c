"""The lines that look at a host, run here under a folder that stands for one: they read, and answer one line."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tagship.domain.ec2 import verdict
from tagship.domain.ec2.inspection import inspection_commands
from tagship.domain.inspection import Inspection, inspection_of
from tagship.domain.units import Report

pytestmark = pytest.mark.starts("sh")


def look(root: Path, volumes: Sequence[str] = ()) -> tuple[Report, Inspection]:
    lines = "\n".join(inspection_commands("hello", 8080, "", volumes))
    variables = {"TAGSHIP_HOST_ROOT": str(root), "PATH": "/usr/bin:/bin"}
    answer = subprocess.run(["sh", "-c", lines], capture_output=True, text=True, check=True, env=variables)
    assert answer.stderr == ""
    report = verdict.read("i-1", answer.stdout, "nothing was said")
    return report, inspection_of(report.facts)


def test_an_empty_host_has_room_and_nothing_in_the_way(tmp_path: Path) -> None:
    report, host = look(tmp_path)
    assert report.outcome == "unchanged"
    assert host.free_kb
    assert host.in_the_way == ""
    assert list(tmp_path.iterdir()) == []


def test_what_lies_in_the_folder_is_named_with_plain_characters_alone(tmp_path: Path) -> None:
    base = tmp_path / "opt/hello"
    (base / "data").mkdir(parents=True)
    for name in (".env", "app.py", 'a"},"x":"\n{{y}}', "lock"):
        (base / name).write_text("")
    _, host = look(tmp_path)
    assert {".env", "app.py", "data"} <= set(host.files)
    assert "lock" not in host.files


def test_a_folder_that_tagship_deploys_to_is_not_in_the_way(tmp_path: Path) -> None:
    base = tmp_path / "opt/hello"
    (base / "releases").mkdir(parents=True)
    (base / "state.json").write_text("{}")
    (base / "notes.txt").write_text("")
    _, host = look(tmp_path)
    assert (host.ours, host.files) == (True, ())


def test_folders_are_told_with_whose_they_are_and_whether_anything_is_in_them(tmp_path: Path) -> None:
    for folder in ("opt/hello/data", "opt/hello/node_modules", "opt/hello/.git", "srv/a", "srv/b/lost+found"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "srv/a/orders").write_text("")
    report, _ = look(tmp_path, ["/srv/a", "/srv/b", "/srv/c"])
    me = tmp_path.stat()
    volumes = [text.split(":") for text in report.facts["volumes"]]
    assert [(text[0], text[1], text[2], text[7]) for text in volumes] == [
        ("/srv/a", "/srv/a", "true", "used"),
        ("/srv/b", "/srv/b", "true", "empty"),
    ]
    assert [text[3:5] for text in volumes] == [[str(me.st_uid), str(me.st_gid)]] * 2
    [data] = report.facts["data"]
    assert data.split(":")[:2] == ["/opt/hello/data", "/opt/hello/data"]


def test_no_line_has_what_systems_manager_would_fill_in() -> None:
    assert not [line for line in inspection_commands("hello", 8080) if "{{" in line]
