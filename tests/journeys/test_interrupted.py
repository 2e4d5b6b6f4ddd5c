"""Ctrl-C, the end of input and no terminal at all, at every question of every verb: nothing is changed by it."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.deploy import deploy
from tests.journeys.prompts import CASES, Case
from tests.journeys.test_legacy import archive
from tests.sandbox import shop
from tests.sandbox.conftest import client, git, start
from tests.sandbox.shop import Shop
from tests.terminal import at_rest

BIN = Path(sys.executable).parent
TAGSHIP = str(BIN / "tagship")
CTRL_C, CTRL_D = "\x03", "\x04"
KEYS = {"Ctrl-C": CTRL_C, "the end of input": CTRL_D}
WORKFLOW = """\
name: deploy-dev
on: {push: {tags: ["*-dev"]}}
permissions: {}
jobs:
  ship:
    runs-on: ubuntu-24.04
    steps:
      - {name: Ship, run: exit 1}
"""
LEGACY = 'legacy_keys = ["{app}/{tag}/{app}-{tag}.tar.gz"]\n'
MIGRATION = """
[environments.prod.hooks.before_switch]
command = ["true"]
reversible = false
"""
PROMOTION = """
[promotion]
order = ["dev", "preprod"]
"""
PROFILE = """\
[default]
region = us-east-1
role_arn = arn:aws:iam::123456789012:role/ada
source_profile = base
mfa_serial = arn:aws:iam::123456789012:mfa/ada
[profile base]
aws_access_key_id = {keys.access}
aws_secret_access_key = {keys.secret}
"""
Seen = dict[str, Any]


@dataclass(frozen=True)
class Places:
    """A sandbox, and the folders in which somebody is asked.

    `work` is the practice clone: its last commit is not released, 0.1.0-dev is out and its run failed, and 0.1.1-dev is
    a tag of this clone alone. dev runs 0.0.2-dev after 0.0.1-dev, and so does prod, by migrations that can't be undone;
    it is frozen by Grace. preprod's host ran the app before tagship, and 0.0.0-dev is an archive from then.
    """

    top: Path
    running: Running

    @cached_property
    def s3(self) -> Any:
        return client(self.running, "s3")

    @cached_property
    def cloudformation(self) -> Any:
        return client(self.running, "cloudformation")

    @property
    def work(self) -> Path:
        return self.running.folder / "work"

    def folder(self, place: str) -> Path:
        return self.work if place == "work" else self.top / place

    def environment(self, place: str) -> dict[str, str]:
        gone = ("CI", "GITHUB_", "GH_TOKEN", "AWS_", "TAGSHIP_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(gone)}
        kept |= {"TERM": "xterm-256color", "AWS_EC2_METADATA_DISABLED": "true"}
        if place in {"outside", "prepared"}:
            keys = self.running.keys
            kept |= {"AWS_ENDPOINT_URL": self.running.aws_url, "AWS_ACCESS_KEY_ID": keys.access}
            kept |= {"AWS_SECRET_ACCESS_KEY": keys.secret}
        if place == "coded":
            kept |= {"AWS_ENDPOINT_URL": self.running.aws_url, "AWS_CONFIG_FILE": str(self.top / "profile")}
        return kept

    def run(self, place: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Type a command without a terminal."""
        return subprocess.run(
            [TAGSHIP, *words], cwd=self.folder(place), env={**self.environment(place), **variables},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip

    def state(self, place: str) -> Seen:
        """Everything that a verb could have changed: refs on both sides, files, the bucket, stacks."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="hello-artifacts")
        stacks = self.cloudformation.describe_stacks()["Stacks"]
        return {
            "refs": refs(self.work),
            "remote": refs(self.running.folder / "origin.git"),
            "files": files(self.folder(place)),
            "bucket": {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])},
            "stacks": {stack["StackName"]: str(stack.get("LastUpdatedTime")) for stack in stacks},
            "adopted": files(self.top / "shop/.tagship/sandbox/hosts", "adopted"),
        }


def refs(repository: Path) -> str:
    return git(repository, "for-each-ref", "--format=%(refname) %(objectname)")


def files(folder: Path, name: str = "*") -> dict[str, bytes]:
    """Every file of a folder but Git's own, the sandbox's and Python's, with what is in it."""
    ours = {".git", ".tagship", "__pycache__"} if name == "*" else set()
    paths = (path for path in folder.rglob(name) if path.is_file() and not ours & set(path.relative_to(folder).parts))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    top = tmp_path_factory.mktemp("places")
    root = made(top / "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        here = Places(top, start(root))
        try:
            _release(here)
            _deploy(here)
            _lay_folders(here)
            yield here
        finally:
            lifecycle.down(root)


def made(root: Path) -> Path:
    (root / ".github/workflows").mkdir(parents=True)
    (root / ".github/workflows/deploy-dev.yml").write_text(WORKFLOW, "utf-8")
    shop.make(root, ["dev", "preprod", "prod"], {"prod": MIGRATION}, head=LEGACY + shop.HEAD + PROMOTION)
    text = (root / "tagship.toml").read_text("utf-8").replace('branch = "main"', 'branch = "dev"', 1)
    (root / "tagship.toml").write_text(text, "utf-8")
    git(root, "commit", "--quiet", "--all", "-m", "Release from dev")
    return root


def _release(here: Places) -> None:
    """0.1.0-dev, whose run fails; 0.1.1-dev, which is not pushed; and a commit after it."""
    assert here.run("work", "deploy-dev", "--first", "--yes").returncode == 8
    for name, text in (("user.name", "Ada"), ("user.email", "ada@example.com")):
        git(here.work, "config", name, text)
    git(here.work, "commit", "--quiet", "--allow-empty", "-m", "Go on")
    assert here.run("work", "tag", "--suffix", "dev", "--yes").returncode == 0
    git(here.work, "commit", "--quiet", "--allow-empty", "-m", "Go on further")


def _deploy(here: Places) -> None:
    """What dev and prod run and ran, an archive from before, Grace's freeze, and what ran on preprod's host."""
    for name in ("dev", "prod"):
        place = Shop(here.top / "shop", here.running, name)
        for number in ("0.0.1", "0.0.2"):
            assert deploy(place.app(), artifact=place.publish(number), env=name).state == "healthy"
    here.s3.put_object(Bucket="hello-artifacts", Key="hello/0.0.0-dev/hello-0.0.0-dev.tar.gz", Body=archive())
    assert here.run("work", "tested", "--env", "dev").returncode == 0
    freeze = ("freeze", "--env", "prod", "--until", "8h", "--reason", "the sale")
    assert here.run("work", *freeze, LOGNAME="grace", USER="grace").returncode == 0
    [before] = [host for host in here.running.hosts if host.environment == "preprod"]
    (before.root / "opt/hello").mkdir(parents=True, exist_ok=True)
    (before.root / "opt/hello/app.py").write_text("print(1)\n", "utf-8")


def _lay_folders(here: Places) -> None:
    """Repositories that are not the sandbox's own: new ones, one to eject in, and ones that ship to an account."""
    for name, more in {"fresh": {}, "contained": {"Dockerfile": 'FROM scratch\nCMD ["a"]\n'}}.items():
        _repository(here.top / name, {"app.py": "print(1)\n", **more})
    settings = (here.top / "shop/tagship.toml").read_text("utf-8")
    _repository(here.top / "ejecting", {"tagship.toml": settings})
    unpractised = settings.replace("sandbox = true\n", "")
    for name in ("outside", "prepared", "coded"):
        app = settings_of(name, unpractised)
        _repository(here.top / name, {"tagship.toml": app})
        git(here.top / name, "remote", "add", "origin", "https://github.com/ada/hello.git")
    (here.top / "profile").write_text(PROFILE.format(keys=here.running.keys), "utf-8")
    done = here.run("prepared", "setup")
    assert done.returncode == 0, done.stdout + done.stderr


def settings_of(name: str, settings: str) -> str:
    """The account of `prepared` is prepared; that of `outside`, another app's, is not."""
    return settings.replace('app = "hello"', 'app = "elsewhere"') if name == "outside" else settings


def _repository(folder: Path, content: dict[str, str]) -> None:
    folder.mkdir()
    for name, text in content.items():
        (folder / name).write_text(text, "utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Begin")


def at_a_terminal(places: Places, case: Case, key: str) -> tuple[list[str], int]:
    """Come to the question and press the key; the lines that stand in the end, and the exit code."""
    written = io.StringIO()
    child = pexpect.spawn(
        TAGSHIP, shlex.split(case.command), cwd=str(places.folder(case.place)), env=places.environment(case.place),
        dimensions=(60, 80), encoding="utf-8", timeout=60,
    )  # fmt: skip
    child.logfile_read = written
    for question, answer in (*case.before, (case.asks, key)):
        child.expect_exact(question)
        rest(child)
        child.send(answer)
    child.expect(pexpect.EOF)
    child.close()
    return at_rest(written.getvalue()), child.exitstatus if child.exitstatus is not None else -child.signalstatus


def rest(child: pexpect.spawn[str]) -> None:
    """Until nothing more is drawn: keys that come before a prompt is ready would be lost to it."""
    with contextlib.suppress(pexpect.TIMEOUT):
        while True:
            child.expect(".+", timeout=0.3)


def named(case: Case) -> str:
    return f"{case.command}: {case.asks}"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_question_that_is_left_changes_nothing_and_says_so_in_a_sentence(
    places: Places, case: Case, key: str
) -> None:
    before = places.state(case.place)
    lines, code = at_a_terminal(places, case, KEYS[key])
    text = "\n".join(lines)
    assert code == 130, text
    error = lines.index(case.says)
    assert [line[:6] for line in lines[error:] if line[:7].strip()] == ["error:", "  now:", " next:"], text
    assert "Traceback" not in text
    assert places.state(case.place) == before


@pytest.mark.parametrize("case", {(case.command, case.place): case for case in CASES}.values(), ids=named)
def test_without_a_terminal_nobody_is_asked_and_nothing_is_changed(places: Places, case: Case) -> None:
    before = places.state(case.place)
    done = places.run(case.place, *shlex.split(case.command))
    assert done.returncode == case.alone, done.stdout + done.stderr
    assert case.asks not in done.stdout + done.stderr
    assert [line[:6] for line in done.stderr.splitlines() if line[:6] in {"error:", "  now:", " next:"}] == [
        "error:", "  now:", " next:",
    ]  # fmt: skip
    assert "Traceback" not in done.stderr
    assert places.state(case.place) == before
