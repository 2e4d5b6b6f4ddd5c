"""Continuous integration: what a push to `origin` starts, run by the workflow files of the very commit pushed.

The hook of `origin` leaves each push in inbox/. Tags start runs. Branches do not: what listens to them is a
repository's tests, which are no part of a release. As on GitHub, a push of more than three tags starts nothing; runs of
one concurrency group run one at a time, in the order of their pushes, and unless the group says `queue: max` a newer
run replaces the one that waits.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagship.sandbox.actions import records, workflow
from tagship.sandbox.actions.contexts import Place, github_context
from tagship.sandbox.actions.expressions import NotUnderstood, Scope, condition, render
from tagship.sandbox.actions.jobs import JobRun
from tagship.sandbox.actions.records import Annotation, JobRecord, Records, RunRecord, StepRecord
from tagship.sandbox.actions.workflow import Workflow

NOTHING = "0" * 40
MOST_TAGS = 3
JOB_CONDITION_CONTEXTS = ("github", "inputs", "needs", "vars")  # GitHub gives a job's `if:` no other
LOOK_EVERY = 0.05  # seconds


@dataclass
class Active:
    """A run that waits or runs."""

    record: RunRecord
    workflow: Workflow
    place: Place
    group: str
    turn: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    jobs: list[JobRun] = field(default_factory=list)


class Runner:
    """Looks into the inbox until it is stopped.

    Every run has a thread, and every job of it too.
    """

    def __init__(self, folder: Path, repository: str) -> None:
        self.folder, self.repository = folder, repository
        self.origin = folder / "origin.git"
        self.records = Records(folder / "runs")
        self.server_url = self.token = ""  # nosec B105 (none yet: the server that starts sets it)
        self.active: dict[int, Active] = {}
        self.groups: dict[str, deque[Active]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._count = 0

    def start(self, server_url: str, token: str) -> None:
        self.server_url, self.token = server_url, token
        threading.Thread(target=self._watch, name="inbox", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        for active in list(self.active.values()):
            self.cancel(active.record.id)

    def cancel(self, run_id: int) -> bool:
        """Cancel a run; false if none of that id is still going."""
        active = self.active.get(run_id)
        if active is None:
            return False
        active.cancelled.set()
        active.turn.set()
        for job in active.jobs:
            job.cancel()
        return True

    def rerun(self, run_id: int) -> bool:
        """Start every job of an ended run again; false if impossible."""
        # It has not ended, or its workflow was not understood.
        record = self.records.find(run_id)
        if record is None or record.status != "completed" or not self._has_left(run_id):
            return False
        try:
            parsed = workflow.parse(record.path, self._git("show", f"{record.head_sha}:{record.path}"))
        except NotUnderstood:
            return False
        self._set_aside(record)
        record.attempt += 1
        record.status, record.conclusion = "queued", None
        self._begin(parsed, record)
        return True

    def _has_left(self, run_id: int) -> bool:
        """Tell whether an ended run has left its group."""
        # It does so a moment after its end.
        for _ in range(100):
            if run_id not in self.active:
                return True
            self._stopped.wait(0.02)
        return False

    def _set_aside(self, record: RunRecord) -> None:
        """Move what an attempt left into a folder of its own."""
        # The next attempt begins with an empty one.
        folder = self.records.folder / str(record.id)
        aside = folder / "attempts" / str(record.attempt)
        aside.mkdir(parents=True)
        for job in record.jobs:
            if (folder / job.key).is_dir():
                (folder / job.key).rename(aside / job.key)

    def _watch(self) -> None:
        inbox = self.folder / "inbox"
        while not self._stopped.wait(LOOK_EVERY):
            for path in sorted(entry for entry in inbox.iterdir() if not entry.name.startswith(".")):
                lines = path.read_text("utf-8").splitlines()
                path.unlink()
                try:
                    self.pushed([line.split(" ", 2) for line in lines])
                except Exception as defect:  # one push that cannot be read must not end the watch for the next
                    print(f"{path.name} in the inbox: {defect!r}", file=sys.stderr, flush=True)

    def pushed(self, updates: Sequence[Sequence[str]]) -> None:
        """Start the runs of a push."""
        # `updates` are (old, new, ref) of each ref in it.
        tags = [(new, ref) for _, new, ref in updates if ref.startswith("refs/tags/")]
        for new, ref in tags if len(tags) <= MOST_TAGS else ():
            if new == NOTHING:  # deleted
                continue
            commit = self._git("rev-parse", f"{new}^{{commit}}")
            for path in self._git("ls-tree", "--name-only", commit, ".github/workflows/").splitlines():
                if path.endswith((".yml", ".yaml")):
                    self._consider(path, commit, ref)

    def _consider(self, path: str, commit: str, ref: str) -> None:
        """Start a workflow if the push is one of its triggers."""
        # One that is not understood is a run that failed.
        text = self._git("show", f"{commit}:{path}")
        try:
            push = workflow.triggers(text)
            if push is None or not workflow.starts(push, ref):
                return
            parsed = workflow.parse(path, text)
        except NotUnderstood as reason:
            self._end_unread(self._record(path, path, commit, ref), f"{path}: {reason}")
            return
        self._begin(parsed, self._record(parsed.name, path, commit, ref))

    def _begin(self, parsed: Workflow, record: RunRecord) -> None:
        """Line a run up in its concurrency group."""
        place = Place(self.folder / "runs" / str(record.id), self.origin, self.repository, self.server_url, self.token)
        try:
            group = render(parsed.group, Scope(github_context(place, parsed, record)))
        except NotUnderstood as reason:
            self._end_unread(record, f"concurrency: {reason}")
            return
        base = record.id if record.attempt == 1 else self.records.next_id()  # each attempt's jobs have their own ids
        record.jobs = [
            JobRecord(base * 100 + at, job.id, job.name, steps=[StepRecord(s.number, s.name) for s in job.steps])
            for at, job in enumerate(parsed.jobs.values())
        ]
        self.records.add(record)
        self._enter(Active(record, parsed, place, group), queue=parsed.queue)

    def _record(self, name: str, path: str, commit: str, ref: str) -> RunRecord:
        self._count += 1
        return RunRecord(
            id=self.records.next_id(),
            number=self._count,
            name=name,
            path=path,
            ref=ref,
            head_branch=ref.split("/", 2)[2],
            head_sha=commit,
            title=self._git("log", "-1", "--format=%s", commit),
            created_at=records.stamp(),
        )

    def _end_unread(self, record: RunRecord, reason: str) -> None:
        """Record a run that failed before any job, and say why."""
        job = JobRecord(record.id * 100, "workflow", "The workflow file")
        job.annotations.append(Annotation("failure", "The sandbox's runner", reason))
        record.jobs = [job]
        for unread in (job, record):
            records.start(unread)
            records.conclude(unread, "failure")
        self.records.add(record)

    def _enter(self, active: Active, *, queue: bool) -> None:
        """Line up in the run's group, and start its thread."""
        with self._lock:
            self.active[active.record.id] = active
            line = self.groups.setdefault(active.group, deque()) if active.group else deque()
            waiting = [] if queue else list(line)[1:]
            line.append(active)
            if line[0] is active:
                active.turn.set()
        for other in waiting:
            self.cancel(other.record.id)
        threading.Thread(target=self._run, args=(active, line), name=f"run {active.record.id}", daemon=True).start()

    def _run(self, active: Active, line: deque[Active]) -> None:
        active.turn.wait()
        record = active.record
        records.start(record)
        self.records.save(record)
        try:
            results = self._jobs(active)
            ended = {result["result"] for result in results.values()}
            conclusion = next((word for word in ("failure", "cancelled") if word in ended), "success")
            conclusion = "skipped" if ended == {"skipped"} else conclusion
            records.conclude(record, "cancelled" if active.cancelled.is_set() else conclusion)
        finally:
            with self._lock:
                line.remove(active)
                self.active.pop(record.id, None)
                if line:
                    line[0].turn.set()
            self.records.save(record)

    def _jobs(self, active: Active) -> dict[str, Any]:
        """Run every job once what it needs has ended."""
        # Returns the context `needs` as it is in the end.
        results: dict[str, Any] = {}
        ended = {key: threading.Event() for key in active.workflow.jobs}

        def run_when_ready(key: str, record: JobRecord) -> None:
            try:
                for needed in active.workflow.jobs[key].needs:
                    ended[needed].wait()
                results[key] = self._job(active, key, record, results)
            finally:
                results.setdefault(key, {"result": "failure", "outputs": {}})
                ended[key].set()

        threads = [
            threading.Thread(target=run_when_ready, args=(job.key, job), daemon=True) for job in active.record.jobs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def _job(self, active: Active, key: str, record: JobRecord, results: Mapping[str, Any]) -> dict[str, Any]:
        job = active.workflow.jobs[key]
        needs = {needed: results[needed] for needed in job.needs}
        execution = JobRun(active.place, active.workflow, job, active.record, record)
        execution.needs = needs
        active.jobs.append(execution)
        if active.cancelled.is_set():
            execution.cancelled.set()
        records.start(record)
        try:
            state = _standing(active, key, results)
            contexts = execution.scope({}).contexts
            scope = Scope({name: contexts[name] for name in JOB_CONDITION_CONTEXTS}, state)
            if not condition(job.condition or "success()", scope):
                for step in record.steps:
                    records.conclude(step, "skipped")
                records.conclude(record, "cancelled" if state == "cancelled" else "skipped")
            else:
                execution.perform(needs, lambda: self.records.save(active.record))
        except (NotUnderstood, OSError) as reason:
            record.annotations.append(Annotation("failure", "The sandbox's runner", f"{job.name}: {reason}"))
            records.conclude(record, "failure")
        self.records.save(active.record)
        return {"result": record.conclusion, "outputs": execution.outputs}

    def _git(self, *words: str) -> str:
        result = subprocess.run(
            ["git", "-C", str(self.origin), *words], capture_output=True, text=True, errors="replace", check=False
        )
        return result.stdout if words[0] == "show" else result.stdout.strip()


def _standing(active: Active, key: str, results: Mapping[str, Any]) -> str:
    """Return the worst result of everything that a job needs."""
    # However far back.
    if active.cancelled.is_set():
        return "cancelled"
    needed_jobs, queue = set[str](), list(active.workflow.jobs[key].needs)
    while queue:
        needed = queue.pop()
        if needed not in needed_jobs:
            needed_jobs.add(needed)
            queue.extend(active.workflow.jobs[needed].needs)
    ended = {results[needed]["result"] for needed in needed_jobs}
    return next((word for word in ("failure", "cancelled", "skipped") if word in ended), "success")
