"""Continuous integration: what starts runs, by the workflow files of the very commit that it happened at.

The hook of `origin` leaves each push in inbox/. A tag starts every workflow that listens to it, and a branch that was
there before those that deploy (events.py). What else can happen is left there as <name>.json: `event`, `ref`, `actor`
and GitHub's own `payload`. A dispatch comes through GitHub's API. A run that ends is an event too: `workflow_run`, at
the default branch. As on GitHub, a push of more than three tags starts nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tagship.sandbox.actions import artifacts, events, records, workflow
from tagship.sandbox.actions.approvals import Approvals
from tagship.sandbox.actions.contexts import Place, github_context
from tagship.sandbox.actions.events import DEFAULT_BRANCH, Event
from tagship.sandbox.actions.expressions import NotUnderstood, Scope, render
from tagship.sandbox.actions.pulls import Pulls
from tagship.sandbox.actions.records import Annotation, JobRecord, Records, RunRecord, StepRecord
from tagship.sandbox.actions.running import Active, Execution
from tagship.sandbox.actions.workflow import Workflow

NOTHING = "0" * 40
MOST_TAGS = 3
LOOK_EVERY = 0.05  # seconds


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
        self.pulls: dict[str, dict[str, Any]] = {}
        self.pull_requests = Pulls()
        self._execution = Execution(self.records)
        self._stopped = threading.Event()
        self._count = 0

    @property
    def approvals(self) -> Approvals:
        """Return who waits for an approval."""
        return self._execution.approvals

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
        if active:
            active.cancel()
        return active is not None

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
        for name in (*(job.key for job in record.jobs), artifacts.KEPT):
            if (folder / name).is_dir():
                (folder / name).rename(aside / name)

    def _watch(self) -> None:
        inbox = self.folder / "inbox"
        while not self._stopped.wait(LOOK_EVERY):
            for path in _in_order(entry for entry in inbox.iterdir() if not entry.name.startswith(".")):
                text = path.read_text("utf-8")
                path.unlink()
                try:
                    self._arrived(path.suffix, text)
                except Exception as defect:  # one that cannot be read must not end the watch for the next
                    print(f"{path.name} in the inbox: {defect!r}", file=sys.stderr, flush=True)

    def _arrived(self, suffix: str, text: str) -> None:
        if suffix == ".json":
            self.reported(json.loads(text))
        else:
            self.pushed([line.split(" ", 2) for line in text.splitlines()])

    def pushed(self, updates: Sequence[Sequence[str]]) -> None:
        """Start the runs of a push."""
        # `updates` are (old, new, ref) of each ref in it.
        tags = [(new, ref) for _, new, ref in updates if ref.startswith("refs/tags/")]
        for new, ref in tags if len(tags) <= MOST_TAGS else ():
            if new != NOTHING:  # else it was deleted
                self.happened(Event("push", ref, self._git("rev-parse", f"{new}^{{commit}}")))
        for old, new, ref in updates:
            if ref.startswith("refs/heads/") and NOTHING not in (old, new):
                changed = self._git("diff", "--name-only", old, new).splitlines()
                payload = {"ref": ref, "before": old, "after": new}
                self.happened(Event("push", ref, new, payload, changed=changed))

    def reported(self, value: Mapping[str, Any]) -> None:
        """Start the runs of what somebody says has happened."""
        payload = value.get("payload", {})
        pull = payload.get("pull_request", {})
        self.pull_requests.happened(str(payload.get("action", "")), pull)
        if pull.get("merged"):
            self.pulls[pull["merge_commit_sha"]] = pull
        ref = value.get("ref", f"refs/heads/{DEFAULT_BRANCH}")
        commit = pull["head"]["sha"] if pull else self._git("rev-parse", f"{ref}^{{commit}}")
        since = f"{pull['base']['ref']}...{commit}" if pull else ""
        changed = self._git("diff", "--name-only", since).splitlines() if since else ()
        self.happened(Event(value["event"], ref, commit, payload, value.get("actor", ""), changed))

    def dispatch(self, file: str, ref: str, given: Mapping[str, Any]) -> bool:
        """Start a workflow by hand; false if there is none. Raises NotUnderstood."""
        full = ref if ref.startswith("refs/") else f"refs/heads/{ref}"
        commit, path = self._git("rev-parse", "--verify", "--quiet", f"{full}^{{commit}}"), f".github/workflows/{file}"
        text = self._git("show", f"{commit}:{path}") if commit else ""
        if not text or "workflow_dispatch" not in workflow.events(workflow.load(text)):
            return False
        payload = {"ref": full, "inputs": events.inputs(text, given), "workflow": path}
        self.happened(Event("workflow_dispatch", full, commit, payload, only=path))
        return True

    def happened(self, event: Event) -> None:
        """Start every workflow of the event's commit that listens to it."""
        for path in self._git("ls-tree", "--name-only", event.commit, ".github/workflows/").splitlines():
            if path.endswith((".yml", ".yaml")) and event.only in ("", path):
                self._consider(path, event)

    def _consider(self, path: str, event: Event) -> None:
        """Start a workflow if it listens to the event."""
        # One that is not understood is a run that failed.
        text = self._git("show", f"{event.commit}:{path}")
        try:
            if not events.starts(text, event):
                return
            parsed = workflow.parse(path, text)
        except NotUnderstood as reason:
            self._end_unread(self._record(path, path, event), f"{path}: {reason}")
            return
        self._begin(parsed, self._record(parsed.name, path, event))

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
        self._enter(Active(record, parsed, place), group, queue=parsed.queue)

    def _record(self, name: str, path: str, event: Event) -> RunRecord:
        self._count += 1
        pull = event.payload.get("pull_request", {})
        return RunRecord(
            id=self.records.next_id(),
            number=self._count,
            name=name,
            path=path,
            ref=event.ref,
            head_branch=pull["head"]["ref"] if pull else event.ref.split("/", 2)[2],
            head_sha=event.commit,
            title=self._git("log", "-1", "--format=%s", event.commit),
            created_at=records.stamp(),
            event=event.name,
            payload=dict(event.payload),
            actor=event.actor,
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

    def _enter(self, active: Active, group: str, *, queue: bool) -> None:
        """Line up in the run's group, and start its thread."""
        self.active[active.record.id] = active
        active.ticket = self._execution.groups.enter(group, active.cancel, queue=queue)
        threading.Thread(target=self._run, args=(active,), name=f"run {active.record.id}", daemon=True).start()

    def _run(self, active: Active) -> None:
        assert active.ticket  # noqa: S101 (it has one before its thread begins)
        active.ticket.turn.wait()
        try:
            self._execution.run(active)
        finally:
            self._execution.groups.leave(active.ticket)
            self.active.pop(active.record.id, None)
            self.records.save(active.record)
        if not self._stopped.is_set():
            self._tell_of_its_end(active.record)

    def _tell_of_its_end(self, run: RunRecord) -> None:
        """Start what the default branch has listening to it."""
        ref = f"refs/heads/{DEFAULT_BRANCH}"
        commit = self._git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if commit:
            payload = {"action": "completed", "workflow_run": self._as_payload(run)}
            self.happened(Event("workflow_run", ref, commit, payload, run.actor))

    def _as_payload(self, run: RunRecord) -> dict[str, Any]:
        head = run.payload.get("pull_request", {}).get("head", {}).get("repo", {})
        return {
            "id": run.id,
            "name": run.name,
            "path": run.path,
            "event": run.event,
            "conclusion": run.conclusion,
            "head_branch": run.head_branch,
            "head_sha": run.head_sha,
            "head_repository": {"full_name": head.get("full_name", self.repository)},
            "run_attempt": run.attempt,
        }

    def _git(self, *words: str) -> str:
        result = subprocess.run(
            ["git", "-C", str(self.origin), *words], capture_output=True, text=True, errors="replace", check=False
        )
        return result.stdout if words[0] == "show" else result.stdout.strip()


def _in_order(files: Iterable[Path]) -> list[Path]:
    """Sort files by when they were written."""
    # Their names tell the second, and then only who wrote: of ten pushes in a second the order would be anyone's.
    return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))
