"""Who holds an environment: a deployment by its lease, a person by a freeze; in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from tagship.domain import commands
from tagship.domain.freeze import FreezeUnreadable
from tagship.domain.lease import LeaseUnreadable, Seen
from tagship.domain.text import ago, moment, span
from tagship.engine.gates import freeze_of
from tagship.ports.app import App


@dataclass(frozen=True)
class Holder:
    """An environment's lease as a person asks for it.

    `state`: free | held | expired | unreadable (see `problem`).
    `changes` is the environment that its holder changes: another one of the same lease `group`, it may be. `frozen`
    says until when, by whom and why the environment is frozen; empty when it is not. `since` is ISO 8601 in UTC.
    """

    environment: str
    state: str
    holder: str = ""
    deployment: str = ""
    run_url: str = ""
    phase: str = ""
    operations: tuple[str, ...] = ()
    since: str = ""
    age: str = ""
    heard: str = ""
    fence: int = 0
    group: str = ""
    changes: str = ""
    frozen: str = ""
    problem: str = ""
    remedy: str = ""

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def look(app: App, environment: str) -> Holder:
    """Look at the lease of an environment's group, and its freeze."""
    return replace(
        _lease(app, environment), group=app.settings.lease_group(environment), frozen=_frozen(app, environment)
    )


def _lease(app: App, environment: str) -> Holder:
    try:
        return read(environment, app.leases.look(environment))
    except LeaseUnreadable as reason:
        return Holder(environment, "unreadable", problem=reason.what, remedy=reason.remedy)


def _frozen(app: App, environment: str) -> str:
    try:
        frozen = freeze_of(app, environment)
    except FreezeUnreadable as reason:
        return f"{reason.what} {reason.remedy}"
    return frozen.summary if frozen else ""


def read(environment: str, seen: Seen | None) -> Holder:
    """Interpret a lease's record now, by the store's own clock."""
    if seen is None or not seen.record.holder:
        return Holder(environment, "free", fence=seen.record.fence if seen else 0)
    record = seen.record
    return Holder(
        environment=environment,
        state="held" if seen.held else "expired",
        holder=record.holder,
        deployment=record.deployment_id,
        run_url=record.run_url,
        phase=record.phase,
        operations=record.operations,
        since=_began(seen).astimezone(UTC).isoformat(timespec="seconds"),
        age=span((seen.now - _began(seen)).total_seconds()),
        heard=ago(seen.age),
        fence=record.fence,
        changes=record.environment,
    )


def _began(seen: Seen) -> datetime:
    return datetime.fromisoformat(seen.record.taken_at) if seen.record.taken_at else seen.written


def described(holder: Holder) -> str:
    """Describe a lease in one line.

    `ada@laptop has held dev since 2026-11-20 15:53 UTC (deploying, last heartbeat 3 s ago)`.
    """
    if holder.state == "free":
        return f"nobody holds {holder.environment}"
    if holder.problem:
        return holder.problem
    run = f", {holder.run_url}" if holder.run_url else ""
    return f"{since_when(holder, phase=False)} ({holder.phase}, last heartbeat {holder.heard}{run})"


def since_when(holder: Holder, *, phase: bool = True) -> str:
    """Say since when it is held, without what changes by itself.

    `ada@laptop has held dev since 2026-11-20 15:53 UTC: sending deploy`.
    """
    changed = holder.changes or holder.environment
    with_it = f" (and with it {holder.environment}, of the same lease group)" if changed != holder.environment else ""
    stopped = "" if holder.state == "held" else "; its heartbeat has stopped"
    text = f"{holder.holder} has held {changed}{with_it} since {moment(holder.since)} UTC{stopped}"
    return text + (f": {holder.phase}" if phase else "")


def lines(holder: Holder) -> list[str]:
    """Describe a lease in full, a fact a line."""
    if holder.state in {"free", "unreadable"}:
        return [described(holder), *([f"  {holder.remedy}"] if holder.remedy else [])]
    facts = [
        f"{holder.phase}, last heartbeat {holder.heard}, begun {holder.age} ago",
        f"deployment {holder.deployment}, fencing number {holder.fence}",
        *holder.operations,
        *([holder.run_url] if holder.run_url else []),
    ]
    return [since_when(holder, phase=False), *(f"  {fact}" for fact in facts)]


def unlock_command(holder: Holder) -> str:
    return commands.unlock(holder.environment, holder.deployment)
