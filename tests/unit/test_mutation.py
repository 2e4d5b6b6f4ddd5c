"""`nox -s mutate`: the files and the tests that judge them are there, and each harmless mutant has a reason."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from scripts.mutation import verdicts
from scripts.mutation.__main__ import FILES, main
from scripts.mutation.workplace import TOP, bare

JUDGED = tomllib.loads(FILES.read_text())
KNOWN = tomllib.loads(verdicts.HARMLESS.read_text())


def test_the_files_and_the_tests_that_judge_them_are_there() -> None:
    tests = [test for judges in JUDGED.values() for test in judges]
    assert [path for path in [*(f"tagship/{name}" for name in JUDGED), *tests] if not (TOP / path).is_file()] == []
    assert len(JUDGED) == 21
    assert all(JUDGED.values())


def test_each_harmless_mutant_is_of_such_a_file_and_has_a_reason() -> None:
    assert set(KNOWN) <= set(JUDGED)
    assert all(verdicts.harmless(name) for name in KNOWN)


def test_a_mutant_without_a_reason_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "harmless.toml"
    page.write_text(verdicts.to_paste("domain/lease.py", ["taken\n- a = 1\n+ a = 2"]))
    with pytest.raises(ValueError, match=r"a mutant of domain/lease\.py has no reason"):
        verdicts.harmless("domain/lease.py", page)
    page.write_text(page.read_text().replace('why = ""', 'why = "It does not matter."'))
    assert verdicts.harmless("domain/lease.py", page) == {"taken\n- a = 1\n+ a = 2"}


def test_a_file_that_is_not_listed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["domain/nothing.py"]) == 2
    assert capsys.readouterr().out == "Not in files.toml: domain/nothing.py\n"


SOURCE = """\
class Seen:
    @property
    def held(self) -> bool:
        return True

    @classmethod
    def of(cls) -> None: ...


@contextmanager
def hold() -> Iterator[None]:
    yield
after = 1
"""

BARE = """\
class Seen:
    def held(self) -> bool:
        return True
    held = property(held)

    @classmethod
    def of(cls) -> None: ...


def hold() -> Iterator[None]:
    yield
hold = contextmanager(hold)
after = 1
"""


def test_properties_and_context_managers_are_undecorated_so_that_they_are_changed_too() -> None:
    assert bare(SOURCE) == BARE
