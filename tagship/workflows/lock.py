"""lock: who holds an environment, for what, and since when: a deployment by its lease, a person by a freeze."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from tagship.domain.deployment import unfinished
from tagship.domain.freeze import FreezeUnreadable
from tagship.domain.lease import LeaseUnreadable, Seen
from tagship.domain.times import ago, moment, span
from tagship.ports import App
from tagship.workflows.frozen import freeze_of


@dataclass(frozen=True)
class Lock:
    """An environment's lease as a person asks for it. `state`: free | held | expired | unreadable (see `problem`).

    `changes` is the environment that its holder changes: another one of the same lease `group`, it may be. `frozen`
    says until when, by whom and why the environment is frozen; empty when it is not.
    """

    environment: str
    state: str
    holder: str = ""
    deployment: str = ""
    run_url: str = ""
    phase: str = ""
    commands: tuple[str, ...] = ()
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


def lock(app: App, *, env: str = "") -> list[Lock]:
    """Show the lease of one environment, or of all."""
    environments = [env] if env else list(app.settings.environments)
    found = []
    for one in environments:
        app.settings.environment(one)
        found.append(look(app, one))
        _show(app, found[-1], resumable=_resumable(app, found[-1]))
    return found


def _resumable(app: App, found: Lock) -> bool:
    """Whether a deployment is left to be ended: what died may have been no deployment, or have told no host yet."""
    if found.state != "expired":
        return False
    last = unfinished(app.ledger.deployments(found.changes, 1))
    return bool(last and last.id == found.deployment)


def look(app: App, environment: str) -> Lock:
    """The lease of an environment's group, and its freeze."""
    return replace(
        _lease(app, environment), group=app.settings.lease_group(environment), frozen=_frozen(app, environment)
    )


def _lease(app: App, environment: str) -> Lock:
    try:
        return read(environment, app.leases.look(environment))
    except LeaseUnreadable as reason:
        return Lock(environment, "unreadable", problem=reason.what, remedy=reason.remedy)


def _frozen(app: App, environment: str) -> str:
    try:
        found = freeze_of(app, environment)
    except FreezeUnreadable as reason:
        return f"{reason.what} {reason.remedy}"
    return found.told if found else ""


def read(environment: str, seen: Seen | None) -> Lock:
    """What a lease's record means now, by the store's own clock."""
    if seen is None or not seen.record.holder:
        return Lock(environment, "free", fence=seen.record.fence if seen else 0)
    record = seen.record
    return Lock(
        environment=environment,
        state="held" if seen.held else "expired",
        holder=record.holder,
        deployment=record.deployment_id,
        run_url=record.run_url,
        phase=record.phase,
        commands=record.commands,
        since=moment(record.taken_at or seen.written),
        age=span((seen.now - _began(seen)).total_seconds()),
        heard=ago(seen.age),
        fence=record.fence,
        changes=record.environment,
    )


def _began(seen: Seen) -> datetime:
    return datetime.fromisoformat(seen.record.taken_at) if seen.record.taken_at else seen.written


def told(lock: Lock) -> str:
    """One line: `ada@laptop holds dev since 2026-11-20 15:53 UTC (deploying, heard of 3 s ago)`."""
    if lock.state == "free":
        return f"nobody holds {lock.environment}"
    if lock.problem:
        return lock.problem
    run = f", {lock.run_url}" if lock.run_url else ""
    return f"{since_when(lock, phase=False)} ({lock.phase}, heard of {lock.heard}{run})"


def since_when(lock: Lock, *, phase: bool = True) -> str:
    """`ada@laptop holds dev since 2026-11-20 15:53 UTC: sending deploy`: what of it does not change by itself."""
    what = lock.changes or lock.environment
    with_it = f" (and with it {lock.environment}, of the same lease group)" if what != lock.environment else ""
    if lock.state == "held":
        text = f"{lock.holder} holds {what}{with_it} since {lock.since} UTC"
    else:
        text = f"{lock.holder} took {what}{with_it} at {lock.since} UTC, and is not heard of any more"
    return text + (f": {lock.phase}" if phase else "")


def lines(lock: Lock) -> list[str]:
    """The same and more, a fact a line."""
    if lock.state in {"free", "unreadable"}:
        return [told(lock), *([f"  {lock.remedy}"] if lock.remedy else [])]
    facts = [
        f"{lock.phase}, heard of {lock.heard}, begun {lock.age} ago",
        f"deployment {lock.deployment}, fencing number {lock.fence}",
        *(f"SSM command {one}" for one in lock.commands),
        *([lock.run_url] if lock.run_url else []),
    ]
    return [since_when(lock, phase=False), *(f"  {one}" for one in facts)]


def _show(app: App, found: Lock, *, resumable: bool) -> None:
    """A fact or a command a line: whoever reads it has eighty columns and little patience."""
    say = app.screen.say
    for line in lines(found):
        say(line)
    if found.state == "held":
        say("  wait for it:    with --wait 10m after your deploy or rollback")
        say(f"  fence it off:   inv rollback --preempt --env {found.changes}")
        say(f"  if it is dead:  {unlock_command(found)}")
    elif found.state == "expired":
        if resumable:
            say(f"  to end it:      inv deploy --resume --env {found.changes}")
        say(f"  to free it:     {unlock_command(found)}")
        say("  or leave it: the next deployment takes it over, once its CI run has ended")
        say("  and no command of it is in flight")
    if found.frozen:
        app.screen.say(f"  {found.frozen}")


def unlock_command(found: Lock) -> str:
    return f"inv unlock --env {found.environment} --id {found.deployment}"
