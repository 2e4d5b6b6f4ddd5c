"""lock: who holds an environment, for what, and since when: a deployment by its lease, a person by a freeze."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from tagship.domain.lease import Seen
from tagship.domain.times import ago, moment, span
from tagship.ports import App
from tagship.workflows.frozen import freeze_of


@dataclass(frozen=True)
class Lock:
    """An environment's lease as a person asks for it. `state`: free | held | expired.

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

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def lock(app: App, *, env: str = "") -> list[Lock]:
    """Show the lease of one environment, or of all."""
    environments = [env] if env else list(app.settings.environments)
    found = []
    for one in environments:
        app.settings.environment(one)
        found.append(look(app, one))
        _show(app, found[-1])
    return found


def look(app: App, environment: str) -> Lock:
    """The lease of an environment's group, and its freeze."""
    frozen = freeze_of(app, environment)
    group = app.settings.lease_group(environment)
    return replace(read(environment, app.leases.look(environment)), group=group, frozen=frozen.told if frozen else "")


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
    run = f", {lock.run_url}" if lock.run_url else ""
    return f"{since_when(lock, phase=False)} ({lock.phase}, heard of {lock.heard}{run})"


def since_when(lock: Lock, *, phase: bool = True) -> str:
    """`ada@laptop holds dev since 2026-11-20 15:53 UTC: sending deploy`: what of it does not change by itself."""
    verb = "holds" if lock.state == "held" else "held"
    what = lock.changes or lock.environment
    with_it = f" (and with it {lock.environment}, of the same lease group)" if what != lock.environment else ""
    return f"{lock.holder} {verb} {what}{with_it} since {lock.since} UTC" + (f": {lock.phase}" if phase else "")


def _show(app: App, found: Lock) -> None:
    app.screen.say(told(found))
    if found.state != "free":
        commands = f", SSM command {', '.join(found.commands)}" if found.commands else ""
        app.screen.say(f"  for {found.age} now: deployment {found.deployment}, fencing number {found.fence}{commands}")
    if found.state == "held":
        app.screen.say(f"  if it is dead: {unlock_command(found)}")
    elif found.state == "expired":
        app.screen.say(
            f"  its heartbeat stopped; to end what it began: inv deploy --resume --env {found.changes}. The next"
            " deployment takes it over when its CI run has ended and no command of it is in flight"
            f" (or now: {unlock_command(found)})"
        )
    if found.frozen:
        app.screen.say(f"  {found.frozen}")


def unlock_command(found: Lock) -> str:
    return f"inv unlock --env {found.environment} --id {found.deployment}"
