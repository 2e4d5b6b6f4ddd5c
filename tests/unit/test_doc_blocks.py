"""What stands in a block of a page: it is typed, or says why not; or it is settings, and they load."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tagship import settings
from tagship.errors import SettingsError
from tests.docs.pages import LANGUAGES, PAGES, REASONS, TOP, TYPED, WORDS, Block, blocks, stories
from tests.docs.toml import merged, written

BLOCKS = [block for page in PAGES for block in blocks(page)]
PROGRAM = re.compile(r"^(?:\$ )?(?:inv|invoke|make|tagship|git|cd|pipx|gh|aws|[A-Z_]+=\S+ inv) ", re.MULTILINE)
COMMENT = re.compile(r"<!--\s*(.*?)\s*-->", re.DOTALL)
OTHERS = {"demo: begin", "demo: end", "ten commands: begin", "ten commands: end"}  # what scripts and tests cut out
# How many blocks are not typed, and why. One more is a decision: whoever takes it writes it down here.
NOT_TYPED = {"tested elsewhere": 7, "github": 3, "tool": 1, "place": 1}
STORIES = 20  # at least


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)
def test_a_block_says_what_it_is(block: Block) -> None:
    assert block.language in LANGUAGES, f"{block.where}: write one of {sorted(LANGUAGES)} after the fence"
    typed = block.language in TYPED
    assert typed or not PROGRAM.search(block.text), f"{block.where}: it has commands, and is not typed"
    assert typed or not block.skipped


def test_no_block_is_left_out_without_a_reason_that_is_counted() -> None:
    left = [block for block in BLOCKS if block.skipped]
    for block in left:
        reason, _, detail = block.skipped.partition(" (")
        assert reason in REASONS, block.where
        assert (reason == "tested elsewhere") == bool(detail), block.where
        assert not detail or (TOP / detail.rstrip(")")).is_file(), block.where
    assert Counter(block.skipped.partition(" (")[0] for block in left) == NOT_TYPED


def test_every_page_with_commands_is_a_story() -> None:
    told = [story for page in PAGES for story in stories(page)]
    assert len(told) >= STORIES
    typed = {block.where for story in told for block in story.blocks if block.language in TYPED and not block.skipped}
    assert typed == {block.where for block in BLOCKS if block.language in TYPED and not block.skipped}


@pytest.mark.parametrize("page", PAGES)
def test_a_note_is_one_that_is_read(page: str) -> None:
    """A comment with a word that nobody knows would change nothing, and nobody would see it."""
    comments = [text for text in COMMENT.findall((TOP / page).read_text("utf-8")) if text not in OTHERS]
    for comment in comments:
        assert comment.startswith(tuple(f"{word}:" for word in WORDS)), comment
    assert len(comments) == sum(len(block.notes) for block in blocks(page))


# -- settings ----------------------------------------------------------------------------------------------------------

HEAD = """\
app = "hello"
[aws]
bucket = "hello-artifacts"
[signing]
key = "kms:alias/hello-{environment}-release"
public_key = "{environment}.pub.pem"
[packages.api]
directory = "build/api"
[packages.function]
directory = "build/function"
[static.site]
directory = "build/site"
"""
IMAGE = 'image = { repository = "example.com/hello" }'
TAGS = 'tags = { a = "b" }'
BASES = {
    "ec2": f'ec2 = {{ command = ["python3", "app.py"], {TAGS}, manager = "systemd" }}',
    "docker": f'{IMAGE}\nec2 = {{ runtime = "docker", {TAGS}, manager = "systemd" }}',
    "ecs": f'{IMAGE}\necs = {{ cluster = "c", services = {{ hello-dev-api = {{}}, shop-dev-api = {{}} }} }}',
    "lambda": 'lambda = { functions = { hello-dev = { package = "api", handler = "a.b" } } }',
    "image function": f"{IMAGE}\nlambda = {{ functions = {{ hello-dev = {{ image = true }} }} }}",
    "asg": f'asg = {{ groups = ["hello-dev"], {TAGS}, command = ["python3", "app.py"] }}',
}


def settled(kind: str, text: str) -> str:
    """The settings of an app of that kind, with those of a block beside them."""
    environments = "".join(
        f'[environments.{name}]\nbranch = "{name}"\n{BASES[kind]}\n' for name in ("dev", "preprod", "prod")
    )
    return written(merged(tomllib.loads(HEAD + environments), tomllib.loads(text)))


def problems(text: str, folder: Path) -> list[str]:
    """What each kind says against it; empty as soon as one takes it."""
    said = []
    for kind in BASES:
        file = folder / "tagship.toml"
        file.write_text(settled(kind, text), "utf-8")
        try:
            settings.load(file, {})
        except SettingsError as problem:
            said.append(f"{kind}: {problem.what}")
        else:
            return []
    return said


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "toml"], ids=lambda block: block.where
)
def test_settings_of_a_page_load(block: Block, tmp_path: Path) -> None:
    assert problems(block.text, tmp_path) == []


def test_settings_that_do_not_load_are_seen(tmp_path: Path) -> None:
    assert len(problems('[environments.dev.ec2]\ncomand = ["x"]\n', tmp_path)) == len(BASES)
