"""A sandbox reaches nothing but its own folder and its own port: every adapter, every program, every file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.aws.session import Aws
from tagship.adapters.aws.site import AwsSite
from tagship.adapters.http import SandboxHttp
from tagship.adapters.terraform import require_sealed
from tagship.adapters.webhook import HttpHook
from tagship.bootstrap import Wiring, app
from tagship.errors import Refused, ServiceFailed
from tagship.sandbox import lifecycle, state
from tagship.sandbox.hosts import processes
from tagship.sandbox.hosts.tools import REFUSED
from tagship.sandbox.images import SandboxImages
from tagship.sandbox.play import report
from tagship.sandbox.state import Running
from tests.sandbox import shapes
from tests.sandbox.conftest import start, until

MACHINE = ("/etc", "/opt", "/usr", "/var/lib", "/run/systemd", "/root/.docker")


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    yield from _up(tmp_path_factory.mktemp("docker"), shapes.DOCKER)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    yield from _up(tmp_path_factory.mktemp("job"), shapes.JOB)


def _up(folder: Path, shape: str) -> Iterator[tuple[Path, Running]]:
    root = shapes.make(folder / "repository", shape)
    with (root / "tagship.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[notify.webhooks.team]\nkind = "slack"\nvariable = "SLACK_WEBHOOK_URL"\n')
    running = start(root)
    yield root, running
    lifecycle.down(root)
    assert not processes.daemons(running.folder)
    assert not processes.belonging(running.folder)


# -- adapters ----------------------------------------------------------------------------------------------------------


def _parts(value: Any, depth: int = 6) -> Iterator[Any]:
    """An object and what it is made of, as far as it is of tagship or text."""
    yield value
    if isinstance(value, Wiring):
        yield value.aws  # made when it is asked for
    if depth and type(value).__module__.startswith("tagship"):
        for inner in vars(value).values() if hasattr(value, "__dict__") else ():
            yield from _parts(inner, depth - 1)


def _talks_to_the_sandbox(part: Any, running: Running) -> bool:
    """Whether every AWS that it holds is the sandbox's, and it holds one."""
    found = [each for each in _parts(part) if isinstance(each, Aws)]
    return bool(found) and all(each.sandbox and each.endpoint == running.aws_url for each in found)


def _talks_to_its_github(part: Any, running: Running) -> bool:
    found = [each for each in _parts(part) if isinstance(each, str) and each.startswith("http")]
    return bool(found) and all(each.startswith(running.github_url) for each in found)


def _own_images(part: Any, running: Running) -> bool:
    return isinstance(part, SandboxImages) and part.folder.is_relative_to(running.folder)


HERE = "of this machine alone"  # the terminal, the clock, the caller's own repository and CI's files
PARTS: dict[str, str | Callable[[Any, Running], bool]] = {
    "clock": HERE,
    "screen": HERE,
    "prompt": HERE,
    "repository": HERE,
    "surroundings": HERE,
    "caller": lambda arn, _running: "::123456789012:" in arn,  # the sandbox's account
    "ci": HERE,
    "sandbox": lambda part, running: part.aws_url == running.aws_url,
    "aws": _talks_to_the_sandbox,
    "store": _talks_to_the_sandbox,
    "keys": lambda keys, running: _talks_to_the_sandbox(keys.signer, running),  # the verifier reads files
    "at": _talks_to_the_sandbox,
    "accounts": lambda parts, running: all(_talks_to_the_sandbox(part.aws, running) for part in parts),
    "regions": lambda parts, running: all(_talks_to_the_sandbox(part.aws, running) for part in parts),
    "in_region": lambda part, running: _talks_to_the_sandbox(part.aws, running),
    "bucket": _talks_to_the_sandbox,
    "time_of_s3": HERE,
    "listed": HERE,
    "given_a_role": HERE,
    "machine": HERE,
    "packager": HERE,
    "secrets": _talks_to_the_sandbox,
    "builder": _own_images,
    "registry": _own_images,
    "leases": _talks_to_the_sandbox,
    "freezes": _talks_to_the_sandbox,
    "ledger": _talks_to_the_sandbox,
    "calendar": _talks_to_the_sandbox,
    "forge": _talks_to_its_github,
    "board": _talks_to_its_github,
    "hooks": lambda hooks, _running: bool(hooks) and all(hook.local for hook in hooks.values()),
    "hook_runner": _talks_to_the_sandbox,
    "web": lambda part, _running: isinstance(part, SandboxHttp),
    "hurried": lambda part, running: _talks_to_the_sandbox(part.store, running),
    "foundation": _talks_to_the_sandbox,
    "who": HERE,
    "signed_in": HERE,
    "run_url": HERE,
    "state_place": HERE,
    "attestations": HERE,  # it asks nobody
    "site": _talks_to_the_sandbox,
    "report_site": _talks_to_the_sandbox,
    "figures": _talks_to_the_sandbox,
    "state_store": _talks_to_the_sandbox,
    "infrastructure": _talks_to_the_sandbox,
    "target": _talks_to_the_sandbox,
    "unfilled": _talks_to_the_sandbox,
    "filled": HERE,  # settings
    "there": _talks_to_the_sandbox,
    "with_outputs": _talks_to_the_sandbox,
}


OF_AN_ENVIRONMENT = {
    *(
        "at",
        "keys",
        "in_region",
        "regions",
        "state_store",
        "infrastructure",
        "target",
        "unfilled",
        "there",
        "with_outputs",
    ),
}


def made() -> list[str]:
    """What an app makes when it is asked for."""
    given = {"settings", "root", "as_json", "hurries", "whole"}
    names = {name for kind in Wiring.__mro__[:-1] for name in vars(kind)}
    return [name for name in names if not name.startswith("_") and name not in given]


@pytest.mark.parametrize("name", [name for name, look in PARTS.items() if look != HERE])
def test_every_adapter_goes_to_the_sandbox(docker: tuple[Path, Running], name: str) -> None:
    root, running = docker
    part = getattr(app(root), name)
    if name in OF_AN_ENVIRONMENT:
        more = {"with_outputs": [{}], "in_region": ["eu-west-1"]}
        part = part("dev", *more.get(name, []))
    if name == "site":
        part = AwsSite(app(root).aws, "pages", "", "")  # the settings here have no static set
    look = PARTS[name]
    assert callable(look)
    assert look(part, running)


def test_terraform_may_use_what_acts_on_the_sandbox_alone(tmp_path: Path) -> None:
    (tmp_path / "registry.terraform.io/hashicorp/aws").mkdir(parents=True)
    require_sealed(tmp_path)
    (tmp_path / "registry.terraform.io/cloudflare/cloudflare").mkdir(parents=True)
    with pytest.raises(Refused, match="cloudflare/cloudflare"):
        require_sealed(tmp_path)


def test_an_address_elsewhere_is_not_asked() -> None:
    assert "not asked" in SandboxHttp().ask("https://hello.example.com/healthz", "version", 1.0).problem


def test_a_webhook_elsewhere_is_not_called() -> None:
    hook = HttpHook("team", "slack", "URL", False, "https://hooks.example.com/secret", local=True)
    with pytest.raises(ServiceFailed, match="a sandbox sends nothing elsewhere"):
        hook.send({})


# -- programs and files ------------------------------------------------------------------------------------------------


def test_no_program_of_a_host_is_the_machines_own(job: tuple[Path, Running]) -> None:
    host = job[1].hosts[0]
    for name in ("systemctl", "journalctl", "systemd-sysusers", "chown", "id", *REFUSED):
        assert shutil.which(name, path=str(host.root / "bin")), name


def _marks() -> dict[str, int]:
    """When what a deployment could touch of this machine was changed last."""
    there = [Path(folder) for folder in MACHINE if Path(folder).is_dir()]
    files = [*there, *(path for folder in there[:2] for path in folder.rglob("*"))]
    return {str(path): path.lstat().st_mtime_ns for path in files if os.path.lexists(path)}


def _traced(log: Path) -> list[str]:
    """The command before another, that has each file it opens for writing, and each connection, in `log`."""
    calls = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,chown,fchownat,connect"
    return ["strace", "-f", "-qq", "-y", "-e", f"trace={calls}", "-o", str(log)]


def _outside(log: Path, inside: Path) -> list[str]:
    """The lines of a trace that write a file, or connect to an address, which is not the sandbox's."""
    found = []
    for line in _whole(log.read_text("utf-8", errors="replace").splitlines()):
        if " = -1 E" in line:
            continue
        if "connect(" in line:
            if "sa_family=AF_INET" in line and '"127.0.0.1"' not in line:
                found.append(line)
        elif not ("open" in line and "O_RDONLY" in line) and not _is_inside(line, inside):
            found.append(line)
    return found


def _whole(lines: list[str]) -> Iterator[str]:
    """Each call with its result: one that another process interrupts is written in two parts."""
    begun: dict[str, str] = {}
    for line in lines:
        process = line.split(maxsplit=1)[0]
        if line.endswith("<unfinished ...>"):
            begun[process] = line.removesuffix("<unfinished ...>")
        elif "resumed>" in line:
            yield begun.pop(process, "") + line.partition("resumed>")[2]
        else:
            yield line
    yield from begun.values()


def _is_inside(line: str, inside: Path) -> bool:
    paths = re.findall(r'"([^"]*)"', line)
    own = (str(inside), "/dev/", "/proc/self")
    return all(not path.startswith("/") or path.startswith(own) for path in paths)


@pytest.mark.skipif(os.getuid() != 0, reason="only root could change the machine")
@pytest.mark.parametrize("shape", ["job", "docker"])
def test_shipping_as_root_changes_nothing_of_the_machine(shape: str, request: pytest.FixtureRequest) -> None:
    _, running = request.getfixturevalue(shape)
    before = _marks()
    said = shapes.ship(running.work)
    assert "is healthy on dev" in said
    assert {path: when for path, when in _marks().items() if before.get(path) != when} == {}


@pytest.mark.skipif(not shutil.which("strace") or os.getuid() != 0, reason="needs strace, and to be root")
@pytest.mark.parametrize("shape", [shapes.JOB, shapes.DOCKER], ids=["job", "docker"])
def test_a_whole_practice_as_root_writes_inside_its_folder_alone(shape: str, tmp_path: Path) -> None:
    root, log = shapes.make(tmp_path / "repository", shape), tmp_path / "trace"
    try:
        # Not waited for: it traces the daemon, and ends with it.
        tracer = subprocess.Popen([*_traced(log), shapes.INV, "sandbox", "up"], cwd=root, stdout=subprocess.DEVNULL)
        running = until(lambda: state.locate(root), 60)
        until((running.work / ".git").is_dir, 60)
        assert "is healthy on dev" in shapes.ship(running.work)
    finally:
        lifecycle.down(root)
    tracer.wait(30)
    assert log.stat().st_size > 10_000
    assert _outside(log, root / ".tagship") == []


# -- shapes that can be practised --------------------------------------------------------------------------------------


def test_a_job_is_run_at_its_deployment_and_again_by_hand(job: tuple[Path, Running]) -> None:
    root, running = job
    ran = running.hosts[0].root / "opt/shape/output/ran"
    if not ran.exists():
        shapes.ship(running.work)
    before = ran.read_text("utf-8").count(shapes.VERSION)
    said = report.perform(report.Request("run-timer"), root).lines
    assert said[0] == "SANDBOX: the job ran on shape-dev-1, exit code 0."
    assert ran.read_text("utf-8").count(shapes.VERSION) == before + 1


def test_what_is_simulated_is_said(docker: tuple[Path, Running], job: tuple[Path, Running]) -> None:
    told = {
        name: "\n".join(report.perform(report.Request("up"), at[0]).lines) for name, at in (("d", docker), ("j", job))
    }
    assert "SIMULATED: no container engine" in told["d"]
    assert "SIMULATED: no timers" in told["j"]
    assert "make deploy-dev" not in told["j"]
    assert "inv deploy-dev --env dev" in told["j"]


def test_a_release_whose_host_program_writes_to_the_machine_is_refused(tmp_path: Path) -> None:
    root = shapes.make(tmp_path / "repository", shapes.JOB, units="/etc/systemd/system")
    try:
        work = start(root).work
        with pytest.raises(AssertionError, match=r"it has no deploy/host/manager_systemd_sealed\.sh"):
            shapes.ship(work)
    finally:
        lifecycle.down(root)
