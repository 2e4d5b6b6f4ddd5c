"""`inv VERB --help`: its line, its flags and its examples, within 80 columns; each example is one that can be typed."""

from __future__ import annotations

import shlex

import pytest
from invoke.parser import Parser
from invoke.program import Program

from tagship.tasks import ns
from tagship.tasks._help import EXAMPLES, OPTIONS, print_task_help
from tagship.tasks.program import run

TASKS = sorted(ns.task_names)
CONTEXTS = {str(context.name): context for context in ns.to_contexts()}


@pytest.fixture
def program() -> Program:
    made = Program(version="1", namespace=ns, name="tagship", binary="tagship")
    made.collection, made.parser = ns, Parser(contexts=CONTEXTS.values())
    return made


@pytest.mark.parametrize("name", TASKS)
def test_help_fits_80_columns_and_names_every_flag(
    name: str, program: Program, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(Program, "called_as", "inv")
    print_task_help(program, name)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Usage: inv {name} [flags]"
    assert lines[2].strip() == str(ns[name].__doc__).strip()
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    flags = [flag for flag in CONTEXTS[name].flags if flag.startswith("--")]
    assert all(any(flag in line.replace("[no-]", "") for line in lines) for flag in flags)
    assert "Examples:" in lines
    assert not any(line.endswith(" ") for line in lines)


def test_a_flag_of_several_names_has_its_value_once(
    program: Program, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Program, "called_as", "inv")
    print_task_help(program, "rollback")
    assert "  --to, --version, --artifact=STRING\n" + " " * 24 + "the version to go back to" in capsys.readouterr().out


@pytest.mark.parametrize("example", [example for examples in EXAMPLES.values() for example in examples])
def test_an_example_can_be_typed(example: str) -> None:
    [context] = Parser(contexts=CONTEXTS.values()).parse_argv(shlex.split(example))
    assert context.name


def test_each_verb_has_examples_of_its_own() -> None:
    assert sorted(EXAMPLES) == TASKS
    for name, examples in EXAMPLES.items():
        assert all(shlex.split(example)[0] in {name, name.removesuffix(".apply")} for example in examples)


def test_the_programs_own_help_names_what_serves_and_every_verb(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        run(["tagship", "--help"])
    printed = capsys.readouterr().out
    assert not ended.value.code
    assert printed.startswith("Usage: tagship VERB [flags]\n\nA verb's flags and examples: tagship VERB --help\n")
    assert all(f"\n  {name}" in printed for name in TASKS if "." not in name)
    assert not [word for word in ("sudo", "pty", "pyc", "core", "--dry", "subcommand-") if word in printed]
    assert max(map(len, printed.splitlines())) <= 80
    known = Program(version="1").core_args()
    for flag, _ in OPTIONS:
        name = flag.rpartition(", ")[2].partition("=")[0].removeprefix("--")
        assert any(name in argument.names for argument in known) or name == "list"
