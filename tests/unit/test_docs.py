"""What the pages say holds: each command parses, each quoted message exists, each link leads somewhere."""

from __future__ import annotations

import ast
import html
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from invoke.parser.parser import Parser

from tasks import ns

TOP = Path(__file__).parents[2]
REFERENCE = [*(TOP / "docs/reference/verbs").glob("*.md")]  # written from the code; settings.md quotes the sample
PAGES = ["README.md", *sorted(str(page.relative_to(TOP)) for page in [*(TOP / "docs").glob("*.md"), *REFERENCE])]
RUNBOOK = TOP / "docs/runbook.md"
SCREEN = 24  # lines of a terminal

FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
PROGRAM = r"(?:inv|invoke|make|tagship)"
COMMENT = re.compile(r"\s+#.*$|\s+>.*$")  # and where its output goes
TARGET = re.compile(r"^([a-z-]+): ", re.MULTILINE)
FLAGS = {"--list", "--debug", "--version"}  # of the program itself
VERBS = {name for context in ns.to_contexts() for name in (context.name, *context.aliases)} | FLAGS
STAND_IN = re.compile(r"<[\w ]+>")


def text(page: str) -> str:
    """A page without what the demo printed, which is no advice."""
    return re.sub(r"<!-- demo: begin -->.*<!-- demo: end -->", "", (TOP / page).read_text("utf-8"), flags=re.DOTALL)


def commands(page: str) -> list[str]:
    """Every command of a page: lines of its blocks, and what stands between backticks."""
    blocks = FENCE.findall(text(page))
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    spans = SPAN.findall(FENCE.sub("", text(page)))
    wanted = [COMMENT.sub("", line).strip() for line in (*lines, *spans)]
    return [line for line in wanted if re.match(rf"{PROGRAM}( |$)", line)]


def parsed(command: str) -> str:
    """Parse it as it would be typed, with a word for each <stand-in>; returns its first task. Raises if it cannot."""
    program, *words = shlex.split(STAND_IN.sub("x", command.removesuffix(" --help")))
    if program == "make":
        return made(words)
    if not words:
        return program
    if len(words) == 1:  # a verb that is mentioned
        assert words[0] in VERBS, words[0]
        return words[0]
    return Parser(contexts=ns.to_contexts()).parse_argv(words)[0].name or ""


def made(words: list[str]) -> str:
    """A make command's target: it has to be one of the Makefile's; the flags in ARGS are its verb's."""
    targets = [word for word in words if "=" not in word and not word.startswith("-")]
    unknown = set(targets) - set(TARGET.findall((TOP / "Makefile").read_text("utf-8")))
    assert not unknown, f"the Makefile has no target {unknown}"
    given = dict(word.split("=", 1) for word in words if "=" in word)
    if "ARGS" in given and targets[0] in ns.task_names:
        parsed(f"inv {targets[0]} {given['ARGS']}")
    return " ".join(targets)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_one_that_can_be_typed(page: str) -> None:
    for command in commands(page):
        parsed(command)


def test_commands_are_found_in_the_pages_that_have_them() -> None:
    counts = {page: len(commands(page)) for page in PAGES}
    assert counts["README.md"] > 10
    assert counts["docs/runbook.md"] > 30
    assert counts["docs/quickstart.md"] > 5


@pytest.mark.parametrize(
    "wrong", ["inv rollbak --to 1", "inv rollback --too 1", "make rolback", 'make status ARGS="--x"']
)
def test_a_command_that_cannot_be_typed_is_found(wrong: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  (Invoke's own, of several kinds)
        parsed(wrong)


# -- links -------------------------------------------------------------------------------------------------------------

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([\w-]+))?\)")
NAMED = re.compile(
    r"(?<![\w/.<-])((?:docs|tests|tagship|scripts|deploy|examples)/[\w./-]*\w\.(?:md|py|toml|sh|json|yaml))\b"
)


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    for target, anchor in LINK.findall(text(page)):
        if target.startswith(("http:", "https:")):
            continue
        there = (TOP / page).parent / target if target else TOP / page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    short = [span for span in SPAN.findall(text(page)) if re.fullmatch(r"[a-z_]+/[\w/.]*\.py", span)]
    missing = [name for name in short if not (TOP / "tagship" / name).exists() and not (TOP / name).exists()]
    assert missing + [name for name in NAMED.findall(text(page)) if not (TOP / name).exists()] == []


# -- the runbook -------------------------------------------------------------------------------------------------------

ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
EXAMPLES = r"0\.1\.\d+-dev|ada@laptop|\bweb-\d\b|\bdev\b|\bprod\b|\bhosts\b|\b\d\b|\bclosing\b"


def first_screen() -> str:
    page = re.sub(r"<!--.*?-->\n", "", RUNBOOK.read_text("utf-8"), flags=re.DOTALL)  # unseen
    return page.split("## It says", 1)[0]


def says() -> list[tuple[int, str]]:
    """The exit and each message of the table, as the page quotes it."""
    table = RUNBOOK.read_text("utf-8").split("## It says", 1)[1].split("\n## ", 1)[0]
    return [(int(code), quoted) for code, cell, _ in ROW.findall(table) for quoted in SPAN.findall(cell)]


def test_the_first_screen_fits_on_one() -> None:
    assert len(first_screen().splitlines()) <= SCREEN
    assert max(map(len, first_screen().splitlines())) <= 140


def test_the_table_has_every_exit_of_an_incident() -> None:
    assert {code for code, _ in says()} >= set(range(3, 10))


@cache
def sentences() -> str:
    """Every text of the program, and the host's; what is put into it at run time is left out."""
    files = sorted((TOP / "tagship").rglob("*.py"))
    constants = (node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    texts = [each.value for each in constants if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return "\n".join([*texts, (TOP / "deploy/host/entry.sh").read_text("utf-8")])


@pytest.mark.parametrize("message", [quoted for _, quoted in says() if quoted != "now:"])
def test_a_message_that_the_runbook_quotes_is_one_that_is_printed(message: str) -> None:
    parts = [part for part in re.split(EXAMPLES, message) if len(part.strip()) > 1]
    assert parts
    assert [part for part in parts if part not in sentences()] == []


def test_each_variable_of_the_sandbox_that_a_page_names_is_read_by_the_code() -> None:
    name = re.compile(r"TAGSHIP_SANDBOX_[A-Z]+")
    read = {found for file in (TOP / "tagship").rglob("*.py") for found in name.findall(file.read_text("utf-8"))}
    assert {found for page in PAGES for found in name.findall(text(page))} <= read


def test_the_readme_says_in_ten_lines_what_it_is_and_how_to_begin() -> None:
    first = "\n".join((TOP / "README.md").read_text("utf-8").splitlines()[:10])
    for words in ("release toolkit", "AWS", "`make demo`", "docs/tutorial.md", "docs/runbook.md", "`inv rollback --to"):
        assert words in first


def test_the_ten_commands_of_the_readme_are_ten() -> None:
    """tests/package/test_ship.py types them, but for the first, in repositories of several shapes."""
    block = text("README.md").partition("<!-- ten commands: begin -->")[2].partition("<!-- ten commands: end -->")[0]
    [lines] = FENCE.findall(block.lstrip("\n"))
    assert len(lines.splitlines()) == 10


def test_the_picture_shows_the_rollback_of_the_demo_and_no_name_of_a_machine() -> None:
    drawn = html.unescape(re.sub(r"<[^>]+>", " ", (TOP / "docs/demo.svg").read_text("utf-8"))).replace("\xa0", " ")
    for words in ("invoke rollback --to 0.1.0-dev", "0.1.0-dev is healthy on dev", "invoke history --env dev"):
        assert words in drawn
    assert set(re.findall(r"[\w.-]+@[\w-]+", drawn)) == {"ada@laptop"}


def test_the_picture_of_the_layers_is_for_every_reader_and_names_every_layer() -> None:
    drawn = (TOP / "docs/architecture.svg").read_text("utf-8")
    assert "<title" in drawn
    assert "<desc" in drawn
    assert "prefers-color-scheme: dark" in drawn
    assert 'viewBox="0 0 360 ' in drawn  # as wide as a phone: nothing of it gets smaller there
    layers = {path.stem for path in (TOP / "tagship").iterdir() if path.suffix in {"", ".py"}}
    named = set(re.findall(r"[a-z]+", " ".join(re.findall(r'class="name"[^>]*>([^<]*)<', drawn))))
    assert named <= layers
    assert layers - named <= {"resources", "templates", "__init__", "__main__", "__pycache__", "py"}
