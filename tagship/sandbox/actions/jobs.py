"""One job of a run: a fresh workspace, and its steps, one after the other, in a process group each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tagship.sandbox.actions import contexts, records, stepfiles, uses
from tagship.sandbox.actions.contexts import Place
from tagship.sandbox.actions.expression_values import CaseSensitive
from tagship.sandbox.actions.expressions import NotUnderstood, Scope, condition, render
from tagship.sandbox.actions.hash_files import hash_files_in
from tagship.sandbox.actions.records import Annotation, JobRecord, RunRecord, StepRecord
from tagship.sandbox.actions.workflow import Job, Step, Workflow

SHELLS = {
    "": ("bash", "-e"),
    "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail"),
    "sh": ("sh", "-e"),
    "python": (sys.executable,),
}


class JobRun:
    """The execution of one job.

    `needs` are the needed jobs' outputs and results, as the context of that name has them.
    """

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
        """Run every step, and conclude the record."""
        # Whenever the record has changed, `changed` is called.
        self.needs = needs
        self._make_folders()
        alarm = _alarm(self.job.timeout, self._late, f"The job took longer than {self.job.timeout:g} minutes.")
        for step, record in zip(self.job.steps, self.record.steps, strict=True):
            self._step(step, record, changed)
        alarm.cancel()
        try:
            self.outputs = {name: render(str(text), self.scope({})) for name, text in self.job.outputs.items()}
        except NotUnderstood as reason:
            self._fail(str(reason))
        records.conclude(self.record, "cancelled" if self.cancelled.is_set() else self.state)

    def _make_folders(self) -> None:
        for name in ("workspace", "temp"):
            (self.folder / name).mkdir(parents=True)
        event = {"ref": self.run.ref, "after": self.run.head_sha}
        (self.folder / "event.json").write_text(json.dumps(event), "utf-8")

    def cancel(self) -> None:
        self.cancelled.set()
        self._kill()

    def scope(self, env: Mapping[str, str]) -> Scope:
        """Return what an expression sees at this moment."""
        common = contexts.github_context(self.place, self.workflow, self.run)
        common["github"] |= {"job": self.job.id, "workspace": str(self.workspace)}
        state = "cancelled" if self.cancelled.is_set() else self.state
        own = {
            "env": CaseSensitive(env),
            "needs": self.needs,
            "steps": self.steps,
            "job": {"status": state},
            "runner": contexts.runner_context(self.folder),
        }
        return Scope(common | own, state, {"hashfiles": hash_files_in(self.workspace)})

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
        """Run a step; return success, failure or cancelled, and its outputs."""
        try:
            if step.uses:
                uses.use(step, self.place, self.workspace, self.run, self._file(step, "log"))
                return "success", {}
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

    def _execute(self, step: Step, env: dict[str, str]) -> int:
        self._process = self._start(step, env)
        if self.cancelled.is_set():
            self._kill()
        alarm = _alarm(step.timeout, self._late, f"{step.name} took longer than {step.timeout:g} minutes.")
        code = self._process.wait()
        alarm.cancel()
        self._kill()  # what the step left behind in its group goes with it
        return code

    def _start(self, step: Step, env: dict[str, str]) -> subprocess.Popen[bytes]:
        script = self._file(step, "sh")
        script.write_text(render(step.run, self.scope(env)), "utf-8")
        for name in ("output", "env", "path"):
            self._file(step, name).touch()
        folder = self.workspace / render(step.folder, self.scope(env))
        with self._file(step, "log").open("wb") as log:
            return subprocess.Popen(
                [*SHELLS[step.shell], str(script)],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _collect(self, step: Step) -> dict[str, str]:
        """Collect what the step wrote into its files and its log."""
        with self._file(step, "log").open(encoding="utf-8", errors="replace") as log:
            self.record.annotations.extend(stepfiles.spoken(log))
        self.added |= stepfiles.assignments(self._file(step, "env").read_text("utf-8"))
        self.path = [*self._file(step, "path").read_text("utf-8").split("\n")[:-1], *self.path]
        return stepfiles.assignments(self._file(step, "output").read_text("utf-8"))

    def _environment(self, step: Step) -> dict[str, str]:
        """Return all variables of a step."""
        # The runner's, then the file's three levels, the nearest last.
        env = self._base(step)
        for level in (self.workflow.env, self.job.env, self.added, step.env):
            scope = self.scope(env)
            env |= {
                name: value if level is self.added else render(_as_text(value), scope) for name, value in level.items()
            }
        return env

    def _base(self, step: Step) -> dict[str, str]:
        path = [*self.path, str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        return (
            contexts.inherited_variables()
            | contexts.github_variables(self.place, self.workflow, self.run)
            | contexts.runner_variables(self.folder)
            | self._job_variables()
            | {f"GITHUB_{name.upper()}": str(self._file(step, name)) for name in ("output", "env", "path")}
            | {"PATH": os.pathsep.join(path)}
        )

    def _job_variables(self) -> dict[str, str]:
        return {
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "TAGSHIP_SANDBOX_RUN": str(self.folder),
            "GIT_CEILING_DIRECTORIES": str(self.folder),  # a job without a checkout has no repository
            "GITHUB_JOB": self.job.id,
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
        }

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


def _alarm(minutes: float, act: Callable[[str], None], message: str) -> threading.Timer:
    """Call `act` after so many minutes, unless cancelled first."""
    alarm = threading.Timer(minutes * 60, act, (message,))
    alarm.daemon = True
    alarm.start()
    return alarm


def _as_text(value: Any) -> str:
    """Write a value of `env:` as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)
