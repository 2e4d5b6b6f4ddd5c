"""What is known of runs, a run.json each: the runner writes it, GitHub's API and `sandbox status` read it."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Status = Literal["queued", "in_progress", "waiting", "completed"]
Level = Literal["notice", "warning", "failure"]


@dataclass
class StepRecord:
    number: int
    name: str
    status: Status = "queued"
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None


@dataclass
class Annotation:
    """What a step, or the runner, reports by a workflow command."""

    annotation_level: Level
    title: str
    message: str


@dataclass
class JobRecord:
    id: int
    key: str  # in the workflow file
    name: str
    status: Status = "queued"
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    steps: list[StepRecord] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)


@dataclass
class RunRecord:
    id: int
    number: int
    name: str
    path: str  # of the workflow file
    ref: str
    head_branch: str  # the tag's or the branch's name, as GitHub has it
    head_sha: str
    title: str  # the commit's subject
    status: Status = "queued"
    conclusion: str | None = None
    created_at: str = ""
    updated_at: str = ""
    run_started_at: str = ""
    attempt: int = 1
    event: str = "push"
    payload: dict[str, Any] = field(default_factory=dict)
    actor: str = ""
    jobs: list[JobRecord] = field(default_factory=list)


@dataclass
class Records:
    """Every run of this sandbox's life, oldest first."""

    folder: Path
    runs: list[RunRecord] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: int = 0

    def next_id(self) -> int:
        """Return an id that rises with time."""
        # From one life of the sandbox to the next too.
        with self._lock:
            self._last = max(self._last + 1, int(time.time() * 1000))
            return self._last

    def add(self, run: RunRecord) -> None:
        with self._lock:
            if run not in self.runs:  # a further attempt of it
                self.runs.append(run)
        self.save(run)

    def find(self, run_id: int) -> RunRecord | None:
        return next((run for run in self.runs if run.id == run_id), None)

    def find_job(self, job_id: int) -> tuple[RunRecord, JobRecord] | None:
        return next(((run, job) for run in self.runs for job in run.jobs if job.id == job_id), None)

    def save(self, run: RunRecord) -> None:
        """Write run.json in one rename."""
        with self._lock:
            run.updated_at = stamp()
            folder = self.folder / str(run.id)
            folder.mkdir(parents=True, exist_ok=True)
            partial = folder / "run.json.partial"
            partial.write_text(json.dumps(asdict(run), indent=2) + "\n", "utf-8")
            partial.replace(folder / "run.json")


def stamp() -> str:
    """Return the present time as GitHub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def start(record: RunRecord | JobRecord | StepRecord) -> None:
    record.status = "in_progress"
    if isinstance(record, RunRecord):
        record.run_started_at = stamp()
    else:
        record.started_at = stamp()


def conclude(record: RunRecord | JobRecord | StepRecord, conclusion: str) -> None:
    """End a record."""
    # The conclusion is there before the status says so.
    if not isinstance(record, RunRecord):
        record.completed_at = stamp()
    record.conclusion = conclusion
    record.status = "completed"
