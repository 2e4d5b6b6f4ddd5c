"""One run of git: it ends when git ends, hooks have their time, and what is cut off leaves nothing running."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tagship.adapters.git import GitRepository
from tagship.errors import Refused, ServiceFailed
from tests.checkout import Checkout, git


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def program(path: Path, script: str) -> Path:
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return path


def by_ssh(checkout: Checkout, script: str) -> None:
    """The remote is behind a program that stands for ssh; `$command` is what it would run there."""
    ssh = program(checkout.folder / "ssh", 'for last; do :; done\ncommand="exec git ${last#git-}"\n' + script)
    git(checkout.work, "config", "core.sshCommand", str(ssh))
    git(checkout.work, "config", "ssh.variant", "simple")
    git(checkout.work, "remote", "set-url", "origin", f"ssh://git@host{checkout.remote}")


def impatient(checkout: Checkout, lines: list[str] | None = None) -> GitRepository:
    heard = [] if lines is None else lines
    return GitRepository(checkout.work, say=heard.append, silence=2.0, inherited=os.environ)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(") ")[2][0] != "Z"


def gone(pid: int, within: float = 10.0) -> bool:
    until = time.monotonic() + within
    while alive(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


# -- how long ----------------------------------------------------------------------------------------------------------


def test_a_hook_may_take_longer_than_the_remote_may_be_silent(checkout: Checkout) -> None:
    program(checkout.work / ".git/hooks/pre-push", "echo running the tests; sleep 5; echo passed >&2\n")
    lines: list[str] = []
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert impatient(checkout, lines).push(checkout.head, "dev", tag).ok
    assert sorted(lines) == ["passed", "running the tests"]
    assert checkout.tags_there() == ["0.1.0-dev"]


def test_a_hooks_lines_are_heard_while_it_runs(checkout: Checkout) -> None:
    heard = checkout.folder / "heard"
    wait = f"until [ -e '{heard}' ]; do sleep 0.02; done"
    program(checkout.work / ".git/hooks/pre-push", f"echo running the tests\n{wait}\n")
    repository = GitRepository(checkout.work, say=heard.write_text, inherited=os.environ)
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert repository.push(checkout.head, "dev", tag).ok, "it would have waited for ever"
    assert heard.read_text() == "running the tests"


def test_a_reference_transaction_hook_has_its_time_too(checkout: Checkout) -> None:
    checkout.grace_tags("0.1.0-dev")
    program(checkout.work / ".git/hooks/reference-transaction", 'cat >/dev/null; [ "$1" = prepared ] && sleep 4; :\n')
    assert list(impatient(checkout).fetch("dev", "dev")) == []
    assert checkout.tags_here() == ["0.1.0-dev"]


def test_a_credential_helper_that_a_person_answers_is_waited_for(checkout: Checkout, tmp_path: Path) -> None:
    helper = program(tmp_path / "helper", "sleep 5\necho username=ada\necho password=x\n")
    git(checkout.work, "config", "credential.helper", str(helper))
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    try:
        assert server.stdout
        git(checkout.work, "remote", "set-url", "origin", f"http://127.0.0.1:{server.stdout.readline().strip()}/x")
        with pytest.raises(ServiceFailed, match="Authentication failed"):
            impatient(checkout).fetch("dev", "dev")
    finally:
        server.kill()
        server.wait()


SERVER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Closed(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()
server = HTTPServer(("127.0.0.1", 0), Closed)
print(server.server_port, flush=True)
server.serve_forever()
"""


def test_a_remote_that_says_nothing_is_given_up(checkout: Checkout) -> None:
    by_ssh(checkout, "exec sleep 60\n")
    with pytest.raises(ServiceFailed, match=r"git fetch: origin said nothing for 2 s\.") as given_up:
        impatient(checkout).fetch("dev", "dev")
    assert given_up.value.remedy == "Try the connection: git ls-remote --heads origin"


def test_a_remote_that_falls_silent_after_the_hook_is_given_up(checkout: Checkout) -> None:
    program(checkout.work / ".git/hooks/pre-push", "sleep 4\n")
    checkout.hook("pre-receive", "sleep 60\n")
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    with pytest.raises(ServiceFailed, match="git push: origin said nothing") as given_up:
        impatient(checkout).push(checkout.head, "dev", tag)
    assert given_up.value.state == "What the remote received is unknown."


# -- the end -----------------------------------------------------------------------------------------------------------


def test_what_git_leaves_behind_is_not_waited_for(checkout: Checkout) -> None:
    """OpenSSH before 8.5 keeps standard error open in the background, with ControlPersist."""
    pid = checkout.folder / "pid"
    by_ssh(checkout, f"sleep 60 >/dev/null </dev/null &\necho $! >'{pid}'\neval \"$command\"\n")
    checkout.grace_tags("0.1.0-dev")
    began = time.monotonic()
    assert list(checkout.repository.fetch("dev", "dev")) == []
    assert time.monotonic() - began < 20
    assert checkout.tags_here() == ["0.1.0-dev"]
    assert alive(int(pid.read_text())), "a call that ends well ends nothing else"
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_hooks_daemon_that_goes_on_talking_is_not_waited_for(checkout: Checkout) -> None:
    pid = checkout.folder / "pid"
    talk = "(while :; do echo talk; sleep 0.01; done) &"
    program(checkout.work / ".git/hooks/pre-push", f"{talk}\necho $! >'{pid}'\n")
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert checkout.repository.push(checkout.head, "dev", tag).ok
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_call_that_is_cut_off_leaves_no_process(checkout: Checkout) -> None:
    pids = checkout.folder / "pids"
    by_ssh(checkout, f"echo $$ >>'{pids}'; sleep 60 &\necho $! >>'{pids}'\nwait\n")
    with pytest.raises(ServiceFailed):
        impatient(checkout).fetch("dev", "dev")
    assert all(gone(int(pid)) for pid in pids.read_text().split())


INTERRUPTED = """
import os
import sys
from pathlib import Path
from tagship.adapters.git import GitRepository
from tagship.ports.repository import Tag
repository = GitRepository(Path(sys.argv[1]), inherited=os.environ)
tag = repository.create_tag("0.1.0-dev", "HEAD", "hello")
try:
    repository.push("HEAD", "dev", tag)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_a_push_that_is_interrupted_ends_its_hook(checkout: Checkout) -> None:
    pid = checkout.folder / "pid"
    program(checkout.work / ".git/hooks/pre-push", f"echo $$ >'{pid}.new'; mv '{pid}.new' '{pid}'; sleep 60; :\n")
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(checkout.work)])
    while not pid.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert gone(int(pid.read_text()))
    assert checkout.tags_there() == []


# -- words -------------------------------------------------------------------------------------------------------------


def test_much_on_both_pipes_blocks_nothing(checkout: Checkout) -> None:
    many = "i=0; while [ $i -lt 4000 ]; do echo 'a line of the hook, of some length, for a pipe holds 64 KiB'"
    program(checkout.work / ".git/hooks/pre-push", f"{many}; echo and here too >&2; i=$((i+1)); done\n")
    lines: list[str] = []
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert GitRepository(checkout.work, say=lines.append, inherited=os.environ).push(checkout.head, "dev", tag).ok
    assert len(lines) == 8000


def test_a_trace_on_standard_error_confuses_nothing(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_TRACE", "GIT_TRACE_PACKET", "GIT_TRACE2", "GIT_TRACE_SETUP"):
        monkeypatch.setenv(name, "1")
    lines: list[str] = []
    repository = GitRepository(checkout.work, say=lines.append, inherited=os.environ)
    tag = repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert repository.push(checkout.head, "dev", tag).ok
    assert repository.state("dev").upstream == checkout.head
    assert lines == []
    git(checkout.work, "remote", "set-url", "origin", str(checkout.folder / "nowhere"))
    with pytest.raises(ServiceFailed, match="does not appear to be a git repository") as told:
        repository.fetch("dev", "dev")
    assert "trace:" not in told.value.what


def test_terminal_escapes_of_a_remote_are_spelled_out(checkout: Checkout) -> None:
    by_ssh(checkout, "printf 'fatal: remote error: \\033[2J\\033[1;1Hall is well\\n' >&2; exit 128\n")
    with pytest.raises(ServiceFailed) as told:
        checkout.repository.fetch("dev", "dev")
    assert "\033" not in told.value.what
    assert r"\x1b[2J" in told.value.what


WITHOUT_GIT = """
import os
from pathlib import Path
from tagship.adapters.git import GitRepository
from tagship.errors import Refused
try:
    GitRepository(Path("."), inherited=os.environ).state("dev")
except Refused as told:
    print(told.what, told.remedy)
"""


@pytest.mark.parametrize("how", ["none", "not to be run"])
def test_a_machine_without_git_is_told(checkout: Checkout, how: str) -> None:
    folder = checkout.folder / "bin"
    folder.mkdir()
    if how == "not to be run":
        (folder / "git").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_GIT], env={**os.environ, "PATH": str(folder)}, cwd=checkout.work,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "No git program on PATH can be run. Install git 2.30 or later.\n", done.stderr


def test_a_git_that_goes_away_is_told(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkout.repository.state("dev")
    monkeypatch.setenv("PATH", str(checkout.folder))
    with pytest.raises(Refused, match="No git program"):
        checkout.repository.state("dev")


@pytest.mark.skipif(not shutil.which("script"), reason="script(1) gives a terminal")
def test_at_a_terminal_git_stays_in_its_foreground(checkout: Checkout) -> None:
    """Else ssh, which asks for a passphrase at the terminal, would be stopped by the kernel, and wait for ever."""
    git(checkout.work, "config", "core.sshCommand", f"{sys.executable} -c '{FOREGROUND}' #")
    git(checkout.work, "config", "ssh.variant", "simple")
    git(checkout.work, "remote", "set-url", "origin", "ssh://git@host/x")
    code = "import os; from pathlib import Path; from tagship.adapters.git import GitRepository\n"
    code += "repository = GitRepository(Path('.'), inherited=os.environ)\n"
    code += "try: repository.fetch('dev', 'dev')\nexcept Exception as problem: print(problem)"
    done = subprocess.run(
        ["script", "--quiet", "--command", f'{sys.executable} -c "{code}"', "/dev/null"],
        cwd=checkout.work, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert "in the foreground" in done.stdout, done.stdout


FOREGROUND = (
    'import os, sys; tty = os.open("/dev/tty", os.O_RDWR); '
    'print("in the foreground" if os.tcgetpgrp(tty) == os.getpgrp() else "behind", file=sys.stderr)'
)
