"""A run under way: its jobs in the order of their needs, each in its group and with its approval."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tagship.sandbox.actions import records
from tagship.sandbox.actions.approvals import Approvals
from tagship.sandbox.actions.contexts import Place
from tagship.sandbox.actions.expressions import NotUnderstood, Scope, condition, render
from tagship.sandbox.actions.groups import Groups, Ticket
from tagship.sandbox.actions.jobs import JobRun
from tagship.sandbox.actions.records import Annotation, JobRecord, Records, RunRecord
from tagship.sandbox.actions.workflow import Workflow

JOB_CONTEXTS = ("github", "inputs", "needs", "vars")  # GitHub gives a job's `if:` no other


@dataclass
class Active:
    """A run that waits or runs."""

    record: RunRecord
    workflow: Workflow
    place: Place
    ticket: Ticket | None = None  # in the run's own group
    cancelled: threading.Event = field(default_factory=threading.Event)
    jobs: list[JobRun] = field(default_factory=list)

    def cancel(self) -> None:
        """Cancel the run, and every job of it."""
        self.cancelled.set()
        if self.ticket:
            self.ticket.turn.set()
        for job in self.jobs:
            job.cancel()


@dataclass
class Execution:
    """Runs, with where they are recorded and who waits."""

    records: Records
    groups: Groups = field(default_factory=Groups)
    approvals: Approvals = field(default_factory=Approvals)

    def run(self, active: Active) -> None:
        """Run every job, and conclude the run's record."""
        records.start(active.record)
        self.records.save(active.record)
        ended = {result["result"] for result in self._jobs(active).values()}
        conclusion = next((word for word in ("failure", "cancelled") if word in ended), "success")
        conclusion = "skipped" if ended == {"skipped"} else conclusion
        records.conclude(active.record, "cancelled" if active.cancelled.is_set() else conclusion)

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
        try:
            state = _standing(active, key, results)
            scope = Scope(_contexts(execution), state)
            if condition(job.condition or "success()", scope):
                self._in_turn(active, execution, needs)
            else:
                _pass_over(record, "cancelled" if state == "cancelled" else "skipped")
        except (NotUnderstood, OSError) as reason:
            record.annotations.append(Annotation("failure", "The sandbox's runner", f"{job.name}: {reason}"))
            records.conclude(record, "failure")
        self.records.save(active.record)
        return {"result": record.conclusion, "outputs": execution.outputs}

    def _in_turn(self, active: Active, job: JobRun, needs: Mapping[str, Any]) -> None:
        """Run a job once its group is free, and its environment approved."""
        scope = Scope(_contexts(job))
        group, job.record.name = render(job.job.group, scope), render(job.job.name, scope)
        ticket = self.groups.enter(group, job.cancel, queue=job.job.queue)
        try:
            while not ticket.turn.wait(0.05) and not job.cancelled.is_set():
                pass
            if job.cancelled.is_set():
                _pass_over(job.record, "cancelled")
            elif self._is_approved(active, job, render(job.job.environment, scope)):
                records.start(job.record)
                job.perform(needs, lambda: self.records.save(active.record))
        finally:
            self.groups.leave(ticket)

    def _is_approved(self, active: Active, job: JobRun, environment: str) -> bool:
        def say() -> None:
            job.record.status = "waiting"
            self.records.save(active.record)

        if self.approvals.wait(active.record.id, environment, job.cancelled.is_set, say):
            return True
        _pass_over(job.record, "cancelled" if job.cancelled.is_set() else "failure")
        return False


def _contexts(job: JobRun) -> dict[str, Any]:
    contexts = job.scope({}).contexts
    return {name: contexts[name] for name in JOB_CONTEXTS}


def _pass_over(record: JobRecord, conclusion: str) -> None:
    """End a job none of whose steps runs."""
    for step in record.steps:
        records.conclude(step, "skipped")
    records.conclude(record, conclusion)


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
