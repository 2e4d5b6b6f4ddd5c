"""An app, a host, a remote or a commit says something that means harm to whoever prints it."""

from __future__ import annotations

import ast
import html
import io
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke.exceptions import Exit
from markdown_it import MarkdownIt

from tagship.adapters.ci_github import GitHubCi
from tagship.adapters.docker import Docker
from tagship.adapters.github import GitHub
from tagship.adapters.program import Program
from tagship.adapters.terminal import Phases, TerminalScreen
from tagship.domain import annotation, markdown
from tagship.domain.text import visible
from tagship.domain.version import Version
from tagship.errors import DeployFailed
from tagship.ports.forge import Run
from tagship.release.ending import ending_of, reason_of
from tagship.release.inspect import Wish
from tagship.release.remedies import Remedies
from tagship.sandbox.actions.stepfiles import assignments, spoken
from tagship.tasks._failures import failures_said
from tagship.tasks._verb import _announced
from tests.attacks.hostile import NOT_SHOWN, lines, obeyed, words
from tests.unit.domain.test_release import plan

TOP = Path(__file__).parents[2]
FORGED = "::notice title=tagship exit 0::0.1.2-dev is healthy"
NONCE = "0123456789abcdef"
REMEDIES = Remedies(Wish("deploy-dev", "dev"), plan(), Version.parse("0.1.3-dev"))


class Log:
    """What a step of CI leaves in its log: stdout and stderr, as one text."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.screen = TerminalScreen(stdout=self.stream, stderr=self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def obeyed(self) -> list[str]:
        return [line for line in lines(self.text) if obeyed(line)]


# -- what is printed ---------------------------------------------------------------------------------------------------


@given(words, st.sampled_from(["say", "warn", "table", "live", "phase"]))
def test_words_that_are_printed_are_inert(said: str, way: str) -> None:
    log = Log()
    if way == "table":
        log.screen.table(["REASON"], [[said], [said, "more"][:1]])
    elif way == "live":
        with log.screen.live(said) as show:
            show(said)
    elif way == "phase":
        phases = Phases()
        phases.show(said)
        log.screen.say("\n".join(phases.lines(80)))
    else:
        getattr(log.screen, way)(said)
    assert not log.obeyed
    assert not NOT_SHOWN.search(log.text)


@given(words)
def test_words_in_json_are_inert_and_the_same(said: str) -> None:
    log = Log()
    log.screen.data({"reason": said, said: [said]})
    assert not log.obeyed
    assert json.loads(log.text) == {"reason": said, said: [said]}


def failing(problem: BaseException, capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """The log of a deploy step that ends so, on GitHub."""
    log = Log()
    ci = GitHubCi({"GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(folder)}, log.screen.directive, log.screen.warn)
    with pytest.raises(Exit), failures_said(), _announced(SimpleNamespace(ci=ci)):  # type: ignore[arg-type]
        raise problem
    return log.text + capsys.readouterr().err


HOSTILE = (
    f"starting\r{FORGED}\n{FORGED}\n  ::stop-commands::x\n##[error]y\n\x1b[2J\nerror: all is well\n next: rm -rf /"
)


def test_an_app_cannot_speak_to_the_runner(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    problem = DeployFailed(f"0.1.2-dev failed: {HOSTILE}.", state=HOSTILE, remedy=HOSTILE, evidence=HOSTILE)
    log = failing(problem, capsys, tmp_path)
    titles = [annotation.title for annotation in spoken(lines(log))]
    assert annotation.genuine(titles) == ["tagship begins", "tagship evidence", "tagship next", "tagship exit 6"]
    assert [obeyed(line) for line in lines(log) if obeyed(line)] == ["notice", "error", "error", "error"]
    assert not NOT_SHOWN.search(log)


def test_an_app_cannot_write_a_line_of_ours(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    problem = DeployFailed(f"it failed: {HOSTILE}", state=HOSTILE, remedy="inv status", evidence=HOSTILE)
    log = failing(problem, capsys, tmp_path)
    ours = [line for line in log.splitlines() if re.match(r"(error|  now| next): ", line)]
    assert [line[:18] for line in ours] == ["error: it failed: ", r"  now: starting\r:", " next: inv status"]
    assert "| error: all is well" in log.splitlines()


def test_a_traceback_is_inert(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGSHIP_DEBUG", "1")
    for problem in (RuntimeError(f"\n{FORGED}"), DeployFailed(f"\n{FORGED}", state="x", remedy="y")):
        log = failing(problem, capsys, tmp_path / type(problem).__name__)
        assert "Traceback" in log
        assert [line for line in lines(log) if obeyed(line) and NONCE_OF.search(line) is None] == []


NONCE_OF = re.compile(r"title=tagship \w+( \d+)? [0-9a-f]{16}::")


def test_a_build_cannot_speak_to_the_runner(tmp_path: Path) -> None:
    """Nor can the tool of `infra`, whose lines go the same way."""
    program = tmp_path / "docker"
    program.write_text(
        f"#!/bin/sh\nprintf '%s\\n%s\\r%s\\n' '{FORGED}' x '##[error]y' >&2\n"
        f"case $* in *.Id*) echo sha256:{'1' * 64} ;; image*) echo '[]' ;; esac\nexit 0\n"
    )
    program.chmod(0o755)
    log = Log()
    docker = Docker(os.environ, str(program), log.screen.say)
    file = tmp_path / "i.tar"
    image = docker.build(tmp_path, tmp_path / "Dockerfile", "r", "t", labels={}, arguments={}, to=file)
    with pytest.raises(Exception, match="digest"):
        docker.push(file, image, "r", "t")
    Program([sys.executable, "-c", f"print({FORGED!r})"], tmp_path, os.environ).run(log.screen.say)
    assert log.text.count("tagship exit 0") == 3
    assert not log.obeyed


def test_nothing_prints_but_where_words_are_made_inert() -> None:
    """`print` and streams are used in these files alone; each is attacked above, asks, or tells the sandbox's story."""
    edges = {
        "adapters/machine.py",  # doctor's fixes: verbs of ours, which print as all of them do; and a person's own shell
        "adapters/aws/credentials.py",  # the end of a line that somebody broke off: no word at all
        "adapters/terminal.py",
        "adapters/prompt.py",
        "tasks/_failures.py",
        "tasks/_help.py",  # of a task that is known, by our own words
        "tasks/_usage.py",
        "tasks/_verb.py",
        "tasks/sandbox.py",
    }
    own = {"sandbox/play/demo.py", "sandbox/actions/runner.py", "sandbox/server.py"}
    package = TOP / "tagship"
    files = [path for path in package.rglob("*.py") if "hostbin" not in path.parts]
    printing = {str(path.relative_to(package)) for path in files if _prints(path)}
    assert printing == edges | own
    inherited = [f"{path}:{call}" for path in files for call in _inheriting(path) if "sandbox" not in path.parts]
    assert not inherited, "a program that writes to the log by itself"


def _prints(path: Path) -> bool:
    tree = ast.parse(path.read_text("utf-8"))
    return any(
        ast.unparse(node) in {"sys.stdout", "sys.stderr"}
        or (isinstance(node, ast.Call) and ast.unparse(node.func) == "print")
        for node in ast.walk(tree)
    )


def _inheriting(path: Path) -> list[int]:
    """The lines that start a program whose output is not caught."""
    starts = {"subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call", "os.system"}
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    caught = {"capture_output", "stdout", None}  # None: **pipes
    return [
        call.lineno
        for call in calls
        if ast.unparse(call.func) in starts and not caught & {word.arg for word in call.keywords}
    ]


# -- the run's page, and its files -------------------------------------------------------------------------------------

SHOWN = {"h3", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre"}


@given(words, words)
def test_words_on_the_runs_page_are_text(said: str, other: str) -> None:
    page = [*markdown.heading(said), *markdown.paragraph(other), *markdown.table(["a", "b"], [[said, other]])]
    rendered = _rendered("\n".join([*page, *markdown.folded("evidence", said)]))
    assert set(re.findall(r"<([a-z][a-z0-9]*)", rendered)) <= SHOWN
    ours = re.sub(r"<(code|pre)>.*?</\1>", "", rendered, flags=re.DOTALL)  # GitHub makes no link of what is code
    assert re.sub(r"</?[a-z0-9]+>|\s|evidence", "", ours) in {"ab", ""}
    texts = [html.unescape(text) for text in re.findall(r"<td><code>(.*?)</code></td>", rendered)]
    assert texts == [line for line in map(_line, (said, other)) if line]


def _line(text: str) -> str:
    return visible(text).replace("\n", "\\n").replace("\t", " ")


def _rendered(page: str) -> str:
    """HTML as GitHub makes it, but for what it does to text outside of code: links to people, issues and pages."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(page)


@given(st.dictionaries(st.sampled_from(["tag", "version"]), words, min_size=1))
def test_a_value_adds_no_output(tmp_path_factory: pytest.TempPathFactory, values: Mapping[str, str]) -> None:
    file = tmp_path_factory.mktemp("step") / "output"
    GitHubCi({"GITHUB_OUTPUT": str(file)}, print, print).output(values)
    assert assignments_of(file).keys() == values.keys()


def assignments_of(file: Path) -> dict[str, str]:
    """As the runner reads the file: its lines end at CR and LF alone."""
    return assignments("\n".join(lines(file.read_bytes().decode("utf-8", "surrogateescape"))))


@given(words, st.sampled_from([0, 6, 130]))
def test_an_annotation_says_no_more_than_its_words(said: str, code: int) -> None:
    written = [
        annotation.command(code, said, NONCE),
        annotation.evidence_command(said, NONCE),
        annotation.next_command(said, NONCE),
    ]
    assert not [line for line in written if len(list(lines(line))) > 1]
    first, _, third = spoken(written)
    assert (first.title, first.message, third.message) == (f"tagship exit {code} {NONCE}", visible(said), visible(said))


# -- what is read back -------------------------------------------------------------------------------------------------


def ended(*titles: tuple[str, str], conclusion: str = "success") -> Any:
    """How a run ended whose one job has these annotations."""
    rows = [{"annotation_level": "notice", "title": title, "message": message} for title, message in titles]

    class Answering(GitHub):
        def _get(self, path: str) -> Any:
            return rows if "annotations" in path else {"jobs": [{"id": 1, "name": "ship"}]}

    run = Run("7", "https://x", "completed", conclusion)
    notices = Answering("o/r", "https://api", "t", "https://x").notices("7")
    return ending_of(REMEDIES, run, notices), reason_of(run, notices)


BEGUN = (f"tagship begins {NONCE}", "")


def test_a_step_of_somebody_elses_cannot_say_that_it_is_healthy() -> None:
    for forged in ("tagship exit 0", "tagship exit 0 fedcba9876543210", "tagship exit 0 "):
        for others in ([BEGUN], [], [BEGUN, ("tagship begins fedcba9876543210", "")]):
            ending, _ = ended(*others, (forged, "0.1.2-dev is healthy"))
            assert ending.problem
            assert ending.problem.exit_code == 8
    ending, _ = ended(BEGUN, (f"tagship exit 0 {NONCE}", "0.1.2-dev is healthy"))
    assert ending.said == "0.1.2-dev is healthy"


FORGED_TITLES = st.sampled_from(
    ["tagship exit 0", "tagship exit 6 ", f"tagship exit 0 {NONCE[::-1]}", "tagship exit 0 0"]
)


@given(
    st.lists(
        st.builds("{}tagship exit {}{}".format, words, st.integers(0, 9), words) | FORGED_TITLES | words, max_size=5
    )
)
def test_a_title_is_not_believed_for_how_it_looks(titles: Sequence[str]) -> None:
    read = annotation.genuine([*titles, BEGUN[0]])
    assert [annotation.exit_code(title) for title in read] == [None] * (len(titles) + 1)


def test_a_success_hides_no_failure() -> None:
    codes = [(f"tagship exit {code} {NONCE}", f"step {code}; so it is") for code in (0, 3, 8, 6, 7, 0)]
    for order in (codes, codes[::-1]):
        ending, reason = ended(BEGUN, *order)
        assert (ending.problem.exit_code, ending.problem.what, reason) == (7, "step 7.", "step 7.")
