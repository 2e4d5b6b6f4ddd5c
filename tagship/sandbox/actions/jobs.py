"""One job of a run: a fresh workspace, and its steps, one after the other, in a process group each."""

from __future__ import annotations

import getpass
import json
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagship.sandbox.actions import records, stepfiles
from tagship.sandbox.actions.expressions import NotUnderstood, Scope, condition, render
from tagship.sandbox.actions.records import Annotation, JobRecord, RunRecord, StepRecord
from tagship.sandbox.actions.workflow import Job, Step, Workflow

# What a step inherits of this process: enough to be somebody on this machine and to reach the network.
INHERITED = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
GIT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "PIP_INDEX_URL", "PIP_CONFIG_FILE")
SHELLS = {
    "": ("bash", "-e"),
    "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail"),
    "sh": ("sh", "-e"),
    "python": (sys.executable,),
}


@dataclass(frozen=True)
class Place:
    """Where a run happens."""

    folder: Path  # runs/<id>
    origin: Path
    repository: str
    server_url: str


class JobRun:
    """The execution of one job. `results` are the needed jobs' outputs and results, as the context `needs` has them."""

    def __init__(self, place: Place, workflow: Workflow, job: Job, run: RunRecord, record: JobRecord) -> None:
        self.place, self.workflow, self.job, self.run, self.record = place, workflow, job, run, record
        self.folder = place.folder / job.id
        self.workspace = self.folder / "workspace"
        self.steps: dict[str, Any] = {}  # the context `steps`
        self.added: dict[str, str] = {}  # by GITHUB_ENV
        self.path: list[str] = []  # by GITHUB_PATH
        self.outputs: dict[str, str] = {}
        self.state = "success"
        self.cancelled = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def perform(self, needs: Mapping[str, Any], changed: Callable[[], None]) -> None:
        """Run every step; calls `changed` whenever the record did. Ends with the record concluded."""
        self.needs = needs
        for name in ("workspace", "temp"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "event.json").write_text(json.dumps({"ref": self.run.ref, "after": self.run.head_sha}), "utf-8")
        alarm = threading.Timer(
            self.job.timeout * 60, self._late, (f"The job took longer than {self.job.timeout:g} minutes.",)
        )
        alarm.daemon = True
        alarm.start()
        for step, record in zip(self.job.steps, self.record.steps, strict=True):
            self._step(step, record, changed)
        alarm.cancel()
        try:
            self.outputs = {name: render(str(text), self.scope({})) for name, text in self.job.outputs.items()}
        except NotUnderstood as reason:
            self._fail(str(reason))
        records.conclude(self.record, "cancelled" if self.cancelled.is_set() else self.state)

    def cancel(self) -> None:
        self.cancelled.set()
        self._kill()

    def scope(self, env: Mapping[str, str]) -> Scope:
        """What an expression sees at this moment."""
        contexts = github_context(self.place, self.workflow, self.run)
        contexts["github"] |= {"job": self.job.id, "workspace": str(self.workspace)}
        state = "cancelled" if self.cancelled.is_set() else self.state
        return Scope(
            contexts
            | {
                "env": env,
                "needs": self.needs,
                "steps": self.steps,
                "job": {"status": state},
                "runner": {
                    "os": _os(),
                    "arch": platform.machine(),
                    "name": "sandbox",
                    "temp": str(self.folder / "temp"),
                },
            },
            state,
        )

    def _step(self, step: Step, record: StepRecord, changed: Callable[[], None]) -> None:
        try:
            env = self._environment(step)
            wanted = condition(step.condition or "success()", self.scope(env))
        except NotUnderstood as reason:
            self._fail(f"{step.name}: {reason}")
            records.conclude(record, "failure")
            changed()
            return
        if not wanted:
            records.conclude(record, "skipped")
            self._remember(step, "skipped", "skipped", {})
            return
        records.start(record)
        changed()
        outcome, outputs = self._outcome(step, env)
        conclusion = "success" if step.goes_on and outcome == "failure" else outcome
        if conclusion == "failure":
            self.state = "failure"
        self._remember(step, outcome, conclusion, outputs)
        records.conclude(record, conclusion)
        changed()

    def _outcome(self, step: Step, env: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Run a step; returns success, failure or cancelled, and its outputs."""
        try:
            if step.uses:
                return self._use(step), {}
            code = self._execute(step, env)
            outputs = self._collect(step)
        except (NotUnderstood, OSError) as reason:
            self._fail(f"{step.name}: {reason}")
            return "failure", {}
        if self.cancelled.is_set():
            return "cancelled", outputs
        if code:
            self.record.annotations.append(Annotation("failure", "", f"Process completed with exit code {code}."))
        return "failure" if code else "success", outputs

    def _use(self, step: Step) -> str:
        """Check the commit out where the step says so; every other action is named in the log and passed over."""
        log = self._file(step, "log")
        if not step.uses.startswith("actions/checkout@"):
            log.write_text(f"The sandbox passes over {step.uses}\n", "utf-8")
            return "success"
        for command in checkout(self.place.origin, self.workspace, self.run, int(step.given.get("fetch-depth", 1))):
            with log.open("ab") as file:
                code = subprocess.run(
                    command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, check=False
                ).returncode
            if code:
                raise NotUnderstood(f"{' '.join(command[:2])} failed: {log.read_text('utf-8', 'replace').strip()}")
        return "success"

    def _execute(self, step: Step, env: dict[str, str]) -> int:
        script = self._file(step, "sh")
        script.write_text(render(step.run, self.scope(env)), "utf-8")
        for name in ("output", "env", "path"):
            self._file(step, name).touch()
        folder = self.workspace / render(step.folder, self.scope(env))
        with self._file(step, "log").open("wb") as log:
            process = subprocess.Popen(
                [*SHELLS[step.shell], str(script)],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._process = process
        if self.cancelled.is_set():
            self._kill()
        alarm = threading.Timer(
            step.timeout * 60, self._late, (f"{step.name} took longer than {step.timeout:g} minutes.",)
        )
        alarm.daemon = True
        alarm.start()
        code = process.wait()
        alarm.cancel()
        self._kill()  # what the step left behind in its group goes with it
        return code

    def _collect(self, step: Step) -> dict[str, str]:
        """What the step wrote into its files and said in its log."""
        with self._file(step, "log").open(encoding="utf-8", errors="replace") as log:
            self.record.annotations.extend(stepfiles.spoken(log))
        self.added |= stepfiles.assignments(self._file(step, "env").read_text("utf-8"))
        self.path = [*self._file(step, "path").read_text("utf-8").split("\n")[:-1], *self.path]
        return stepfiles.assignments(self._file(step, "output").read_text("utf-8"))

    def _environment(self, step: Step) -> dict[str, str]:
        """All variables of a step: the runner's, then the file's three levels, the nearest last."""
        env = self._base(step)
        for level in (self.workflow.env, self.job.env, self.added, step.env):
            scope = self.scope(env)
            env |= {
                name: value if level is self.added else render(_said(value), scope) for name, value in level.items()
            }
        return env

    def _base(self, step: Step) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in (*INHERITED, *GIT, *PROXIES) if name in os.environ}
        path = [*self.path, str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        return (
            inherited
            | _github(self.place, self.workflow, self.run)
            | {
                "PATH": os.pathsep.join(path),
                "NO_PROXY": "127.0.0.1,localhost",
                "no_proxy": "127.0.0.1,localhost",
                "TAGSHIP_SANDBOX_RUN": str(self.folder),
                "GIT_CEILING_DIRECTORIES": str(self.folder),  # a job without a checkout has no repository
                "RUNNER_OS": _os(),
                "RUNNER_ARCH": platform.machine(),
                "RUNNER_NAME": "sandbox",
                "RUNNER_TEMP": str(self.folder / "temp"),
                "GITHUB_JOB": self.job.id,
                "GITHUB_WORKSPACE": str(self.workspace),
                "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
                "GITHUB_OUTPUT": str(self._file(step, "output")),
                "GITHUB_ENV": str(self._file(step, "env")),
                "GITHUB_PATH": str(self._file(step, "path")),
            }
        )

    def _file(self, step: Step, kind: str) -> Path:
        return self.folder / f"{step.number}.{kind}"

    def _remember(self, step: Step, outcome: str, conclusion: str, outputs: Mapping[str, str]) -> None:
        if step.id:
            self.steps[step.id] = {"outcome": outcome, "conclusion": conclusion, "outputs": outputs}

    def _fail(self, message: str) -> None:
        self.state = "failure"
        self.record.annotations.append(Annotation("failure", "The sandbox's runner", message))

    def _late(self, message: str) -> None:
        self._fail(message)
        self.cancel()

    def _kill(self) -> None:
        with self._lock:
            if self._process is None:
                return
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                return


def checkout(origin: Path, workspace: Path, run: RunRecord, depth: int) -> list[list[str]]:
    """What actions/checkout does with the ref that was pushed: one commit, or, with `fetch-depth: 0`, all there is."""
    place = ["git", "-C", str(workspace)]
    begin = [["git", "init", "--quiet", str(workspace)], [*place, "remote", "add", "origin", f"file://{origin}"]]
    if depth == 0:
        every = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
        fetch = [*place, "fetch", "--quiet", "--no-tags", "origin", *every]
    else:
        fetch = [*place, "fetch", "--quiet", "--no-tags", f"--depth={depth}", "origin", f"+{run.ref}:{_local(run.ref)}"]
    return [*begin, fetch, [*place, "checkout", "--quiet", "--detach", run.head_sha]]


def _local(ref: str) -> str:
    return ref.replace("refs/heads/", "refs/remotes/origin/")


def github_context(place: Place, workflow: Workflow, run: RunRecord) -> dict[str, Any]:
    """The contexts that are the same in every job."""
    names = _github(place, workflow, run)
    context = {
        name.removeprefix("GITHUB_").lower(): value for name, value in names.items() if name.startswith("GITHUB_")
    }
    return {
        "github": context | {"token": "sandbox", "event": {"ref": run.ref, "after": run.head_sha}},
        "vars": {},
        "secrets": {"GITHUB_TOKEN": "sandbox"},
        "inputs": {},
    }


def _github(place: Place, workflow: Workflow, run: RunRecord) -> dict[str, str]:
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": getpass.getuser(),
        "GITHUB_API_URL": place.server_url,
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": run.ref,
        "GITHUB_REF_NAME": run.head_branch,
        "GITHUB_REF_TYPE": "tag" if run.ref.startswith("refs/tags/") else "branch",
        "GITHUB_REPOSITORY": place.repository,
        "GITHUB_REPOSITORY_OWNER": place.repository.split("/", maxsplit=1)[0],
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_RUN_ID": str(run.id),
        "GITHUB_RUN_NUMBER": str(run.number),
        "GITHUB_SERVER_URL": place.server_url,
        "GITHUB_SHA": run.head_sha,
        "GITHUB_WORKFLOW": workflow.name,
    }


def _said(value: Any) -> str:
    """A value of `env:` as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _os() -> str:
    return "macOS" if sys.platform == "darwin" else "Linux"
