"""One job of a run: a fresh workspace, and its steps, one after the other, in a process group each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tagship.sandbox.actions import composite, contexts, programs, records, stepfiles, uses
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


IN_ACTIONS = ("github", "inputs", "steps", "job", "runner", "env")  # the contexts of a local action's steps


@dataclass
class Frame:
    """What the steps of a job, or of an action, share."""

    steps: dict[str, Any] = field(default_factory=dict)  # the context `steps`
    inputs: Mapping[str, str] | None = None  # of an action
    folder: Path | None = None  # of an action
    env: Mapping[str, str] = field(default_factory=dict)  # what the step that uses an action has beside the job's
    state: str = "success"

    def remember(self, step: Step, outcome: str, conclusion: str, outputs: Mapping[str, str]) -> None:
        """Keep how a step ended, for those after it."""
        if conclusion == "failure":
            self.state = "failure"
        if step.id:
            self.steps[step.id] = {"outcome": outcome, "conclusion": conclusion, "outputs": outputs}


class JobRun:
    """The execution of one job.

    `needs` are the needed jobs' outputs and results, as the context of that name has them.
    """

    def __init__(self, place: Place, workflow: Workflow, job: Job, run: RunRecord, record: JobRecord) -> None:
        self.place, self.workflow, self.job, self.run, self.record = place, workflow, job, run, record
        self.folder = place.folder / job.id
        self.workspace = self.folder / "workspace"
        self.top = Frame()
        self.added: dict[str, str] = {}  # by GITHUB_ENV
        self.path: list[str] = []  # by GITHUB_PATH
        self.outputs: dict[str, str] = {}
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
        records.conclude(self.record, "cancelled" if self.cancelled.is_set() else self.top.state)

    def _make_folders(self) -> None:
        for name in ("workspace", "temp"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "event.json").write_text(json.dumps(contexts.event_of(self.run)), "utf-8")

    def cancel(self) -> None:
        self.cancelled.set()
        self._kill()

    def scope(self, env: Mapping[str, str], frame: Frame | None = None) -> Scope:
        """Return what an expression sees at this moment."""
        frame = frame or self.top
        common = contexts.github_context(self.place, self.workflow, self.run)
        common["github"] |= {"job": self.job.id, "workspace": str(self.workspace)}
        state = "cancelled" if self.cancelled.is_set() else frame.state
        own = {
            "env": CaseSensitive(env),
            "needs": self.needs,
            "steps": frame.steps,
            "job": {"status": state},
            "runner": contexts.runner_context(self.folder),
        }
        every = common | own
        if frame.inputs is not None:
            every["inputs"] = frame.inputs
            every["github"] |= {"action_path": str(frame.folder)}
            every = {name: every[name] for name in IN_ACTIONS}
        return Scope(every, state, {"hashfiles": hash_files_in(self.workspace)})

    def _step(self, step: Step, record: StepRecord, changed: Callable[[], None]) -> None:
        def begin() -> None:
            records.start(record)
            changed()

        records.conclude(record, self._attempt(step, self.top, begin))
        changed()

    def _attempt(self, step: Step, frame: Frame, begin: Callable[[], None]) -> str:
        """Run a step, if its condition holds; return its conclusion."""
        try:
            env = self._environment(step, frame)
            wanted = condition(step.condition or "success()", self.scope(env, frame))
        except NotUnderstood as reason:
            self._annotate(f"{step.name}: {reason}")
            frame.state = "failure"
            return "failure"
        if not wanted:
            frame.remember(step, "skipped", "skipped", {})
            return "skipped"
        begin()
        outcome, outputs = self._outcome(step, env, frame)
        conclusion = "success" if step.goes_on and outcome == "failure" else outcome
        frame.remember(step, outcome, conclusion, outputs)
        return conclusion

    def _outcome(self, step: Step, env: dict[str, str], frame: Frame) -> tuple[str, Mapping[str, str]]:
        """Run a step; return success, failure or cancelled, and its outputs."""
        try:
            if step.uses:
                return self._use(step, env, frame)
            code = self._execute(step, env, frame)
            outputs = self._collect(step)
        except (NotUnderstood, OSError) as reason:
            self._annotate(f"{step.name}: {reason}")
            return "failure", {}
        if self.cancelled.is_set():
            return "cancelled", outputs
        if code:
            self.record.annotations.append(Annotation("failure", "", f"Process completed with exit code {code}."))
        return "failure" if code else "success", outputs

    def _use(self, step: Step, env: dict[str, str], frame: Frame) -> tuple[str, Mapping[str, str]]:
        """Do what an action does; return success or failure, and its outputs."""
        scope = self.scope(env, frame)
        given = {name: render(_as_text(value), scope) for name, value in step.given.items()}
        if step.uses.startswith("./"):
            return self._act(step, given, env)
        ground = uses.Ground(self.place, self.run, self.job, self.folder)
        used = uses.use(replace(step, given=given), ground, self._file(step, "log"))
        self.path = [*used.path, *self.path]
        return "success", used.outputs

    def _act(self, step: Step, given: Mapping[str, str], env: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        """Run the steps of a local action."""
        action = composite.read(self.workspace / step.uses, step.uses, step.key)
        defaults = {name: render(text, self.scope(env)) for name, text in action.defaults.items()}
        own = {name: env[name] for name in step.env}
        frame = Frame(inputs=defaults | dict(given), folder=action.folder, env=own)
        for inner in action.steps:
            self._attempt(inner, frame, lambda: None)
            self._tell(step, inner)
        outputs = {name: render(text, self.scope(env, frame)) for name, text in action.outputs.items()}
        return ("cancelled" if self.cancelled.is_set() else frame.state), outputs

    def _tell(self, step: Step, inner: Step) -> None:
        """Add what an action's step said to what the action says."""
        log = self._file(inner, "log")
        with self._file(step, "log").open("a", encoding="utf-8") as file:
            file.write(f"{inner.name}\n{log.read_text('utf-8', 'replace') if log.is_file() else ''}")

    def _execute(self, step: Step, env: dict[str, str], frame: Frame) -> int:
        self._process = self._start(step, env, frame)
        if self.cancelled.is_set():
            self._kill()
        alarm = _alarm(step.timeout, self._late, f"{step.name} took longer than {step.timeout:g} minutes.")
        code = self._process.wait()
        alarm.cancel()
        self._kill()  # what the step left behind in its group goes with it
        return code

    def _start(self, step: Step, env: dict[str, str], frame: Frame) -> subprocess.Popen[bytes]:
        script = self._file(step, "sh")
        script.write_text(render(step.run, self.scope(env, frame)), "utf-8")
        for name in ("output", "env", "path"):
            self._file(step, name).touch()
        folder = self.workspace / render(step.folder, self.scope(env, frame))
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

    def _environment(self, step: Step, frame: Frame) -> dict[str, str]:
        """Return all variables of a step."""
        # The runner's, then the file's three levels, the nearest last.
        env = self._base(step)
        if frame.folder:
            env["GITHUB_ACTION_PATH"] = str(frame.folder)
        for level in (self.workflow.env, self.job.env, self.added, frame.env, step.env):
            scope, plain = self.scope(env, frame if level is step.env else None), level in (self.added, frame.env)
            env |= {name: value if plain else render(_as_text(value), scope) for name, value in level.items()}
        return env

    def _base(self, step: Step) -> dict[str, str]:
        path = [*self.path, *programs.path(self.place.folder.parents[1] / "programs")]
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
        return self.folder / f"{step.key}.{kind}"

    def _fail(self, message: str) -> None:
        self.top.state = "failure"
        self._annotate(message)

    def _annotate(self, message: str) -> None:
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
