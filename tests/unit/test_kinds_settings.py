"""Kinds of target in tagship.toml, with a kind that only these tests have: files on this disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, field_validator

from tagship.domain.rules import Rules
from tagship.errors import SettingsError
from tagship.settings import KINDS, Environment, Kind, load, settings_of
from tagship.settings.ec2 import Ec2
from tagship.settings.file import PLUGINS
from tagship.settings.section import Finding, Section, Values, table
from tagship.settings.variables import known
from tests.unit.settings_text import APP, Text

TOP = APP + "[environments.dev]\n"
FOLDER = r"^/[a-z/]*$"


class Copies(Section):
    words: ClassVar[Mapping[str, str]] = {FOLDER: "a folder such as /srv/www"}

    beside: str = Field(default="", pattern=FOLDER)


class Disk(Kind):
    """[environments.<name>.disk]: files in a folder of this machine."""

    table = "disk"
    moved: ClassVar[Mapping[str, str]] = {"folder": "folder"}

    folder: str
    copies: Copies = Field(default_factory=Copies)

    @property
    def rules(self) -> Rules:
        return Rules("1")

    @classmethod
    def problems_in(cls, environment: Values) -> Iterator[Finding]:
        if table(environment, "disk").get("folder") == table(environment, "image").get("context"):
            yield "disk.folder", "is the image's context"

    @classmethod
    def why_not_settable(cls, variable: str, values: Values) -> str:
        return f"means something in {values['folder']}" if variable == "UMASK" else ""

    def files(self, name: str, environment: Environment, region: str) -> Mapping[str, bytes]:
        return {f"disk/{name}": f"{self.folder} {environment.branch} {region}".encode()}


FILE = Text(TOP, (*KINDS, Disk))
read, errors = FILE.read, FILE.errors


def test_the_table_that_is_there_decides_what_an_environment_runs_on(tmp_path: Path) -> None:
    text = 'disk.folder = "/srv"\n[environments.prod]\nbranch = "main"\nec2 = { tags = { a = "b" }, command = ["x"] }\n'
    made = read(tmp_path, text)
    dev, prod = made.environment("dev"), made.environment("prod")
    assert (dev.target.table, prod.target.table) == ("disk", "ec2")
    assert (dev.target.rules.concurrency, prod.target.rules.concurrency) == ("1", "100%")
    assert dev.runs_on(Ec2) is None
    found = dev.runs_on(Disk)
    assert found is not None
    assert found.folder == "/srv"


def test_the_bundle_carries_what_each_kind_gives_it(tmp_path: Path) -> None:
    text = 'branch = "b"\ndisk.folder = "/srv"\n[environments.prod]\nec2 = { tags = { a = "b" }, command = ["x"] }\n'
    files = read(tmp_path, text).files()
    assert sorted(files) == ["deploy/environments/prod.conf", "disk/dev"]
    assert files["disk/dev"] == b"/srv b us-east-1"


def test_no_table_and_two_tables_are_errors(tmp_path: Path) -> None:
    tables = " or ".join(f"[environments.<name>.{kind}]" for kind in ("ec2", "lambda", "ecs", "asg", "disk"))
    assert errors(tmp_path, "") == [f"environments.dev: has no table that says what it runs on: add {tables}"]
    assert errors(tmp_path, 'disk.folder = "/srv"\nec2 = { tags = { a = "b" }, command = ["x"] }\n') == [
        "environments.dev: runs on one target, and has the tables ec2 and disk: keep one"
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("disk = {}", "disk.folder: missing; add it"),
        ("disk.folder = 5", 'disk.folder: must be text in quotes, "…"; is 5'),
        ('disk = { folder = "/a", foldr = 1 }', "disk.foldr: unknown key; did you mean folder?"),
        (
            'disk = { folder = "/a", copies.beside = "x" }',
            'disk.copies.beside: must be a folder such as /srv/www; is "x"',
        ),
        ('disk.folder = "x"\nimage.context = "x"', "disk.folder: is the image's context"),
        ('folder = "/a"', "folder moved to environments.dev.disk.folder"),
        (
            'disk.folder = "/a"\nvariables.UMASK = "1"',
            "variables.UMASK: means something in /a: give it another name",
        ),
        ('disk.folder = "/a"\nport = 1', "port: unknown key; did you mean environments.dev.ec2.port?"),
    ],
)  # fmt: skip
def test_a_kinds_errors_are_told_in_its_own_words(tmp_path: Path, text: str, error: str) -> None:
    sentence = f"environments.dev{' ' if error.startswith('moved') else '.'}{error}"
    assert sentence in errors(tmp_path, text + "\n")


def test_a_kinds_keys_have_variables(tmp_path: Path) -> None:
    made = read(tmp_path, 'disk.folder = "/a"\n', {"TAGSHIP_ENVIRONMENTS_DEV_DISK_FOLDER": "/b"})
    assert made.files()["disk/dev"].startswith(b"/b ")
    names = known({"dev": {}}, settings_of((*KINDS, Disk))).keys() - known({"dev": {}}, settings_of()).keys()
    assert names == {"TAGSHIP_ENVIRONMENTS_DEV_DISK_FOLDER", "TAGSHIP_ENVIRONMENTS_DEV_DISK_COPIES_BESIDE"}


def test_a_kind_that_is_not_among_the_kinds_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "tagship.toml").write_text(TOP + 'disk.folder = "/srv"\n', "utf-8")
    with pytest.raises(SettingsError, match=r"environments\.dev\.disk: unknown key"):
        load(tmp_path / "tagship.toml", {})


def test_no_plugin_of_pydantics_takes_part_and_the_variable_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Noted(Disk):
        @field_validator("folder")
        @classmethod
        def note(cls, value: str) -> str:
            seen.append(os.environ.get(PLUGINS))
            return value

    (tmp_path / "tagship.toml").write_text(TOP + 'disk.folder = "/srv"\n', "utf-8")
    for before in ("one-of-theirs", None):
        monkeypatch.setenv(PLUGINS, before) if before else monkeypatch.delenv(PLUGINS)
        load(tmp_path / "tagship.toml", {}, kinds=(Noted,))
        assert os.environ.get(PLUGINS) == before
    assert seen == ["__all__", "__all__"]
