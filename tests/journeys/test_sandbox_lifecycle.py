"""Up, down, and what is left of a sandbox that crashed."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship import settings
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.sandbox import lifecycle, state
from tagship.sandbox.hosts import processes
from tagship.sandbox.play import hanging, practice, report
from tagship.sandbox.state import FOLDER, Running, locate
from tests.sandbox.conftest import authorized, client, git, repository, start, until

SLOW = """\
on: {push: {tags: ["*"]}}
jobs: {only: {steps: [{run: "sleep 300"}]}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A repository with a slow workflow, whose sandbox is gone after the test, whatever happened."""
    made = repository(tmp_path / "a repository", {".github/workflows/slow.yml": SLOW})
    yield made
    lifecycle.down(made)
    assert not processes.belonging(made / FOLDER)


def on_host(running: Running, line: str) -> int:
    """Start something on the first host that outlives its command, and write its pid; returns the pid."""
    host = running.hosts[0]
    pid = host.root / "tmp/pid"
    script = f"setsid sh -c 'echo $$ >{pid}.new; mv {pid}.new {pid}; {line}' >/dev/null 2>&1 &".replace(
        str(pid), f'"{pid}"'
    )
    given = {"InstanceIds": [host.id], "DocumentName": "AWS-RunShellScript", "Parameters": {"commands": [script]}}
    client(running, "ssm").send_command(**given)
    until(pid.exists)
    return int(pid.read_text())


def perform(action: str, here: Path, **asked: Any) -> report.Outcome:
    return report.perform(report.Request(action, **asked), here)


def crash(running: Running) -> None:
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: not state.alive(running))


def test_up_twice_is_up_once_and_everything_under_it_finds_it(root: Path) -> None:
    running = start(root)
    again = lifecycle.up(root)
    assert again.already
    assert again.running == running == locate(root)
    assert locate(running.work / "tests") == running
    assert lifecycle.home(running.work / "inner") == root
    assert running.github_url == f"{running.aws_url}/github/{running.keys.page}"
    assert running.repository == "sandbox/tiny"


def test_two_at_once_start_one(root: Path) -> None:
    found: list[lifecycle.Up] = []
    threads = [threading.Thread(target=lambda: found.append(lifecycle.up(root))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.already for each in found) == [False, True]
    assert found[0].running == found[1].running


def test_everything_listens_on_loopback_alone(root: Path) -> None:
    port = int(start(root).aws_url.rsplit(":", 1)[1])
    with socket.socket() as other:
        other.bind(("127.0.0.2" if sys.platform == "linux" else "127.0.0.1", 0))
    for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET):
        if not str(info[4][0]).startswith("127."):
            with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
                socket.create_connection((str(info[4][0]), port), timeout=0.5)


def test_keys_are_a_pair_and_the_private_one_is_its_owners(root: Path) -> None:
    running = start(root)
    assert stat.S_IMODE(running.private_key.stat().st_mode) == 0o600
    pinned = running.hosts[0].root / "etc/tagship/tiny/release.pub.pem"
    assert pinned.read_bytes() == running.public_key.read_bytes()


def test_down_leaves_no_process_and_no_file(root: Path) -> None:
    running = start(root)
    plain = on_host(running, "exec sleep 300")
    dropped = on_host(running, "unset TAGSHIP_HOST_ROOT TMPDIR; exec sleep 300")
    stubborn = on_host(running, 'trap "" TERM; while :; do sleep 1; done')
    git(running.work, "tag", "1.0.0")
    git(running.work, "push", "--quiet", "origin", "1.0.0")
    until(lambda: list((running.folder / "runs").glob("*/only/1.log")))
    (step,) = [pid for pid in processes.belonging(running.folder) if pid not in {plain, dropped, stubborn}][:1]
    locked = running.hosts[0].root / "opt/locked"
    locked.mkdir()
    (locked / "file").touch()
    locked.chmod(0o500)
    assert lifecycle.down(root)
    assert not any(processes.exists(pid) for pid in (running.pid, plain, dropped, stubborn, step))
    assert not (root / FOLDER).exists()
    assert [path.name for path in (root / ".tagship").iterdir()] == [".gitignore"]
    assert locate(root) is None
    assert not lifecycle.down(root)


def test_a_crashed_sandbox_starts_again_and_says_what_it_cleared_away(root: Path) -> None:
    first = start(root)
    app = on_host(first, "exec sleep 300")
    git(first.work, "commit", "--quiet", "--allow-empty", "-m", "Practised")
    git(first.work, "push", "--quiet", "origin", "dev")
    head = git(first.work, "rev-parse", "HEAD")
    crash(first)
    assert locate(root) is None
    assert processes.exists(app)
    again = lifecycle.up(root)
    assert not again.already
    assert "1 of its processes" in again.cleaned
    assert "hosts/" in again.cleaned
    assert not processes.exists(app)
    assert again.running.pid != first.pid
    assert git(again.running.origin, "rev-parse", "dev") == head
    assert git(again.running.work, "rev-parse", "HEAD") == head
    assert [path.name for path in (again.running.folder / "hosts").iterdir()] == [again.running.hosts[0].id]
    assert client(again.running, "s3").list_objects_v2(Bucket="tiny-artifacts")["KeyCount"] == 0


def test_a_sandbox_whose_daemon_died_as_it_started_does_not_stand_in_the_way(root: Path) -> None:
    folder = root / FOLDER
    (folder / "hosts/i-0/opt").mkdir(parents=True)
    (folder / "work.partial").mkdir()
    (folder / "origin.git").mkdir()
    (folder / state.FILE).write_text("{")
    assert locate(root) is None
    assert not lifecycle.up(root).already


def test_a_daemon_that_hangs_is_not_called_up_and_the_remedy_starts_it_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hanging, "WITHIN", 1.0)
    pid = start(root).pid
    os.kill(pid, signal.SIGSTOP)
    for action in ("status", "up"):
        with pytest.raises(ServiceFailed) as caught:
            perform(action, root)
        assert f"(pid {pid}) does not answer" in caught.value.what
        assert caught.value.state == "It was left as it is."
    assert caught.value.remedy.endswith(f": kill -KILL {pid} && inv sandbox up")
    killed = perform("down", root, yes=True).lines
    assert killed == [
        f"Its daemon (pid {pid}) did not answer, and was killed.",
        "The sandbox is down; nothing of it is left.",
    ]
    assert not processes.exists(pid)


def test_a_daemon_that_cannot_start_is_an_error_with_its_last_words(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / settings.FILE).write_text("app = 1\n")
    git(root, "commit", "--quiet", "--all", "-m", "Break it")
    with pytest.raises(ServiceFailed) as caught:
        lifecycle.up(root)
    assert "tagship.toml" in caught.value.evidence
    assert "inv sandbox reset" in caught.value.remedy
    assert not processes.belonging(root / FOLDER)


def test_a_shallow_repository_makes_a_practice_clone_that_is_not(root: Path, tmp_path: Path) -> None:
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Second")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{root}", str(shallow))
    work, origin = tmp_path / "work", tmp_path / "origin.git"
    practice.make_origin(origin, tmp_path / "inbox")
    practice.make_clone(shallow, work, origin)
    assert git(work, "rev-parse", "--is-shallow-repository") == "false"
    assert git(work, "rev-list", "--count", "HEAD") == "1"
    assert git(work, "status", "--porcelain") == ""
    assert git(work, "rev-parse", "HEAD^{tree}") == git(root, "rev-parse", "HEAD^{tree}")
    git(work, "fsck", "--strict")


def test_the_practice_clone_is_ready_to_release_from(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / ".venv")], check=True)
    (root / ".venv/.installed").touch()
    (root / "constraints.txt").touch()
    (root / ".gitignore").write_text(".tagship\n.venv\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Pin")
    git(root, "tag", "9.9.9-dev")
    work, origin = root / ".tagship/work", root / ".tagship/origin.git"
    origin.parent.mkdir()
    practice.make_origin(origin, root / ".tagship/inbox")
    practice.make_clone(root, work, origin)
    assert git(work, "status", "--porcelain", "--branch") == "## dev...origin/dev"
    assert git(origin, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/dev", "refs/heads/main"]
    assert git(work, "tag") == ""
    assert (work / ".venv/.installed").stat().st_mtime >= (work / "constraints.txt").stat().st_mtime
    assert git(work, "config", "user.email")


def test_processes_are_found_without_proc_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("ps"):  # a machine with /proc may lack it; where /proc is missing (macOS), ps never is
        pytest.skip("this machine has no ps to compare with")
    running = start(root)
    app = on_host(running, "unset TAGSHIP_HOST_ROOT; exec sleep 300")
    monkeypatch.setattr(processes, "_environments", processes._from_ps)
    assert processes.belonging(running.folder) == [app]


def test_status_says_what_is_up_and_what_has_crashed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert perform("status", root).value == {"up": False, "crashed": False, "processes": 0}
    up = perform("up", root)
    assert up.value["hosts"][0]["name"] == "tiny-dev-1"
    assert max(len(line) for line in up.lines if str(root) not in line) <= 80
    assert up.lines[1].startswith("SANDBOX")
    running = locate(root)
    assert running
    said = perform("status", running.work)
    assert (said.value["up"], said.value["pid"]) == (True, running.pid)
    with monkeypatch.context() as inside:
        inside.chdir(running.work)
        within = perform("up", running.work).lines
    assert not any(line.startswith("  cd .") for line in within), "one is there already"
    assert f"  cd {shlex.quote(str(root))} && inv sandbox down" in within
    crash(running)
    assert perform("status", root).value["crashed"]
    with pytest.raises(ServiceFailed, match="its daemon ended") as caught:
        perform("rerun", running.work)
    assert caught.value.state.startswith("What its AWS held (ledger, artifacts, secrets) is gone.")
    assert caught.value.remedy == "Start it again, which empties its hosts: inv sandbox up"
    assert perform("reset", root).value["up"]
    assert json.dumps(perform("down", root).value) == '{"up": false, "was": true}'


def test_a_word_that_is_no_action_and_settings_without_a_sandbox_are_refused(root: Path) -> None:
    file = root / settings.FILE
    with pytest.raises(UsageError, match="no action 'start'"):
        perform("start", root)
    with pytest.raises(UsageError, match="Invalid --hosts 1000"):
        perform("up", root, hosts="1000")
    file.write_text(file.read_text().replace("sandbox = true", "sandbox = false"))
    with pytest.raises(UsageError, match="sandbox = true"):
        perform("up", root)
    assert not (root / ".tagship").exists()


def test_switches_that_are_not_there_answer_404(root: Path) -> None:
    running = start(root)
    for path in ("hosts/i-0/offline", "nothing"):
        request = authorized(running, f"{running.aws_url}/sandbox/{path}", method="POST", data=b"{}")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(request)


def test_the_practice_clone_has_the_repositorys_own_branches(root: Path, tmp_path: Path) -> None:
    """Each is the repository's own, or its remote's, or begins at HEAD; the first that ships is checked out."""
    git(root, "switch", "--quiet", "-c", "stage")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Ahead of main")
    git(root, "update-ref", "refs/remotes/origin/release/1", "main")
    work, origin = tmp_path / "work", tmp_path / "origin.git"
    practice.make_origin(origin, tmp_path / "inbox")
    practice.make_clone(root, work, origin, ("stage", "release/1", "dev"))
    heads = {name: git(origin, "rev-parse", name) for name in ("main", "stage", "release/1", "dev")}
    assert heads == {
        "main": git(root, "rev-parse", "main"),
        "stage": git(root, "rev-parse", "stage"),
        "release/1": git(root, "rev-parse", "main"),
        "dev": git(root, "rev-parse", "HEAD"),
    }
    assert heads["main"] != heads["stage"]
    assert git(work, "status", "--porcelain", "--branch") == "## stage...origin/stage"


def test_a_practice_clone_that_was_removed_is_made_of_what_was_pushed(root: Path, tmp_path: Path) -> None:
    work, origin = tmp_path / "work", tmp_path / "origin.git"
    practice.make_origin(origin, tmp_path / "inbox")
    practice.make_clone(root, work, origin)
    git(work, "commit", "--quiet", "--allow-empty", "-m", "Practised")
    git(work, "push", "--quiet", "origin", "dev")
    head = git(work, "rev-parse", "HEAD")
    shutil.rmtree(work)
    practice.make_clone(root, work, origin)
    assert git(work, "rev-parse", "HEAD") == git(origin, "rev-parse", "dev") == head


def test_a_number_of_hosts_is_kept_or_refused_and_never_dropped(root: Path) -> None:
    up = perform("up", root, hosts="2")
    assert len(up.value["hosts"]) == 2
    assert perform("up", root).value["already"]
    with pytest.raises(Refused, match="with 2 hosts an environment; that can't become 3") as caught:
        perform("up", root, hosts="3")
    assert caught.value.remedy.endswith("inv sandbox reset --hosts 3")
    for wrong in ("0", "-1", "101", "three"):
        with pytest.raises(UsageError, match=f"Invalid --hosts {wrong}: 1 to 100"):
            perform("reset", root, hosts=wrong)
    assert locate(root), "nothing was removed for a number that is refused"
    assert len(perform("reset", root).value["hosts"]) == 2
    running = locate(root)
    assert running
    crash(running)
    assert len(perform("up", root).value["hosts"]) == 2
    assert len(perform("reset", root, hosts="1").value["hosts"]) == 1


def test_reset_refuses_while_origin_has_what_the_repository_lacks(root: Path) -> None:
    running = start(root)
    git(running.work, "commit", "--quiet", "--allow-empty", "-m", "Practised")
    git(running.work, "push", "--quiet", "origin", "dev")
    head = git(running.work, "rev-parse", "HEAD")
    for action in ("reset", "down"):
        with pytest.raises(Refused, match=r"commits that .* lacks") as caught:
            perform(action, root)
        assert caught.value.remedy.endswith(f"Or lose them: inv sandbox {action} --yes")
    assert git(running.origin, "rev-parse", "dev") == head
    assert locate(root) == running
    assert perform("reset", root, yes=True).value["up"]


def test_a_sandbox_whose_state_file_was_removed_is_found(root: Path) -> None:
    running = start(root)
    file = running.folder / state.FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.unlink()
    assert until(lambda: locate(root)) == running, "the daemon writes it again"
    os.kill(running.pid, signal.SIGSTOP)
    try:
        file.unlink()
        assert perform("status", root).value == {"up": False, "crashed": True, "processes": 1}
    finally:
        os.kill(running.pid, signal.SIGCONT)
    file.unlink(missing_ok=True)
    again = perform("reset", root)
    assert again.value["pid"] != running.pid
    assert not processes.exists(running.pid)
    (running.folder / state.FILE).unlink()
    assert perform("down", root).value["was"]
    assert not processes.exists(again.value["pid"])


def test_a_host_is_stopped_and_started_by_its_name_and_up_says_what_it_does(root: Path) -> None:
    shown: list[str] = []
    perform("up", root, hosts="2", show=shown.append)
    assert shown == [
        "making its Git repository and the practice clone",
        "starting an AWS, a GitHub and 2 hosts for each environment",
    ]
    running = locate(root)
    assert running
    first, second = running.hosts
    ssm = client(running, "ssm")

    def pings() -> dict[str, str]:
        listed = ssm.describe_instance_information()["InstanceInformationList"]
        return {host["InstanceId"]: host["PingStatus"] for host in listed}

    assert f"inv sandbox start-host {second.name}" in perform("stop-host", root, item=second.name).lines[-1]
    assert pings() == {first.id: "Online", second.id: "ConnectionLost"}
    assert f"inv heal --env {second.environment}" in perform("start-host", root, item=second.id).lines[-1]
    assert set(pings().values()) == {"Online"}
    with pytest.raises(UsageError, match="The sandbox has no host 'web-9'") as caught:
        perform("stop-host", root, item="web-9")
    assert f"inv sandbox stop-host {first.name}\n" in caught.value.remedy
