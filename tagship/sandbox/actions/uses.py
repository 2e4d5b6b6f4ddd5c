"""What the sandbox does for a step that `uses:` a published action, of those in known.py.

Credentials, registries and caches are simulated as such: a run's AWS, its registry and its GitHub are the sandbox's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tagship.sandbox.actions import artifacts, environments
from tagship.sandbox.actions.contexts import Place, is_of_a_fork
from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.known import action_of
from tagship.sandbox.actions.records import RunRecord
from tagship.sandbox.actions.workflow import Job, Step

ATTESTS = "attest-build-provenance"
MACHINES = {  # an action that installs a program -> the program, and the input that asks for a version of it
    "setup-node": ("node", "node-version"),
    "setup-terraform": ("terraform", "terraform_version"),
}
ALL_REFS = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", "+refs/pull/*:refs/remotes/pull/*")


@dataclass(frozen=True)
class Used:
    """What an action leaves to the steps after it."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ground:
    """Where an action acts: a job of a run."""

    place: Place
    run: RunRecord
    job: Job
    folder: Path

    @property
    def workspace(self) -> Path:
        """Return the folder that the job's steps run in."""
        return self.folder / "workspace"

    @property
    def cache(self) -> Path:
        """Return the folder of environments that runs share."""
        return self.place.folder.parents[2] / "ci"  # .tagship/ci, beside .tagship/sandbox/runs/<id>


def use(step: Step, ground: Ground, log: Path) -> Used:
    """Do what a published action does; raise NotUnderstood if that fails."""
    action = action_of(step)
    owner, _, name = action.name.partition("/")
    if action.name == "actions/checkout":
        return _check_out(step, ground, log)
    if action.name == "actions/setup-python":
        return _set_up_python(step, ground, log)
    done = _attested(step, ground) if name == ATTESTS else _done(owner, name, step, ground)
    log.write_text(f"{done}\n", "utf-8")
    return Used()


def _done(owner: str, name: str, step: Step, ground: Ground) -> str:
    """Do it, and return what the log says."""
    if name == "upload-artifact":
        return artifacts.upload(step, ground.place.folder, ground.workspace)
    if name == "download-artifact":
        return artifacts.download(step, ground.place.folder, ground.workspace)
    if name == "configure-aws-credentials":
        return _credentials(step, ground)
    if name in MACHINES:
        return _of_this_machine(step, *MACHINES[name])
    if name == "cache":
        return f"{step.uses}: nothing is cached in the sandbox, so this is a cache miss"
    return f"{step.uses}: the sandbox's registry needs no login and no builder of {owner}'s"


def _check_out(step: Step, ground: Ground, log: Path) -> Used:
    depth = str(step.given.get("fetch-depth", 1))
    if not depth.isdecimal():
        raise NotUnderstood(f"{step.uses}: fetch-depth is {depth!r}, and not a number")
    wanted = str(step.given.get("ref") or ground.run.head_sha)
    for command in checkout(ground.place.origin, ground.workspace, ground.run, int(depth), wanted):
        with log.open("ab") as file:
            result = subprocess.run(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, check=False)
        if result.returncode:
            raise NotUnderstood(f"{' '.join(command[:2])} failed: {log.read_text('utf-8', 'replace').strip()}")
    return Used()


def _set_up_python(step: Step, ground: Ground, log: Path) -> Used:
    """Make a Python without packages, of the version that runs the sandbox."""
    asked, version = str(step.given.get("python-version", "")), sys.version.partition(" ")[0]
    bin_ = environments.tool(ground.folder / "tools/python", ground.cache)
    log.write_text(f"{step.uses}: Python {version} of this machine stands for {asked or 'the default'}\n", "utf-8")
    return Used({"python-version": version, "python-path": str(bin_ / "python")}, (str(bin_),))


def _credentials(step: Step, ground: Ground) -> str:
    """Check what AWS and GitHub would ask for; assume no role."""
    if "aws-region" not in step.given:
        raise NotUnderstood(f"{step.uses}: Input required and not supplied: aws-region")
    job = ground.job
    if is_of_a_fork(ground.place, ground.run):
        raise NotUnderstood(f"{step.uses}: a fork's pull request gets no identity, so there are no credentials")
    if "role-to-assume" in step.given and not _may_identify(job.permissions):
        raise NotUnderstood(
            f"{step.uses}: Credentials could not be loaded, please check your action inputs: the job {job.id} assumes "
            "a role, and has no `permissions: id-token: write`"
        )
    return f"{step.uses}: the sandbox's AWS has one identity, so no role is assumed"


def _attested(step: Step, ground: Ground) -> str:
    """Check what GitHub would sign, and that the job may; sign nothing."""
    granted = ground.job.permissions
    if not _may_identify(granted) or not (granted == "write-all" or granted.get("attestations") == "write"):
        raise NotUnderstood(
            f"{step.uses}: the job {ground.job.id} needs `permissions: id-token: write` and `attestations: write`"
        )
    given = f"{step.given.get('subject-path', '')}\n{step.given.get('subject-checksums', '')}"
    patterns = [line.strip() for line in given.splitlines() if line.strip()]
    subjects = sorted(str(path) for pattern in patterns for path in ground.workspace.glob(pattern) if path.is_file())
    if not subjects:
        raise NotUnderstood(f"{step.uses}: Could not find subject at path {' '.join(patterns)}")
    names = ", ".join(Path(subject).name for subject in subjects)
    return f"{step.uses}: no GitHub signs in the sandbox; there it would attest {names}"


def _may_identify(permissions: object) -> bool:
    """Tell whether a job gets an identity token. By default none does."""
    return permissions == "write-all" or (isinstance(permissions, dict) and permissions.get("id-token") == "write")


def _of_this_machine(step: Step, program: str, asked: str) -> str:
    """Find the machine's own program, whatever version is asked for."""
    path = shutil.which(program)
    if path is None:
        raise NotUnderstood(
            f"{step.uses}: this machine has no {program}, which the sandbox's runner takes. Install it."
        )
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    version = answer.partition("\n")[0].removeprefix("Terraform ")
    return f"{step.uses}: {program} {version} of this machine stands for {step.given.get(asked, 'the default')}"


def checkout(origin: Path, workspace: Path, run: RunRecord, depth: int, wanted: str) -> list[list[str]]:
    """Return the commands that check out a commit."""
    # One commit, or, with `fetch-depth: 0`, all there is.
    place = ["git", "-C", str(workspace)]
    begin = [["git", "init", "--quiet", str(workspace)], [*place, "remote", "add", "origin", f"file://{origin}"]]
    if depth == 0:
        fetch = [*place, "fetch", "--quiet", "--no-tags", "origin", *ALL_REFS]
    else:
        pushed = run.event == "push" and wanted == run.head_sha
        ref = f"+{run.ref}:{_local(run.ref)}" if pushed else wanted
        fetch = [*place, "fetch", "--quiet", "--no-tags", f"--depth={depth}", "origin", ref]
    return [*begin, fetch, [*place, "checkout", "--quiet", "--detach", wanted]]


def _local(ref: str) -> str:
    return ref.replace("refs/heads/", "refs/remotes/origin/")
