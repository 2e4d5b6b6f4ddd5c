"""lock: who holds an environment, for what, and since when."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tagship.domain.lease import Seen
from tagship.domain.times import ago, moment
from tagship.ports import App


@dataclass(frozen=True)
class Lock:
    """An environment's lease as a person asks for it. `state`: free | held | expired."""

    environment: str
    state: str
    holder: str = ""
    deployment: str = ""
    run_url: str = ""
    phase: str = ""
    commands: tuple[str, ...] = ()
    since: str = ""
    heard: str = ""
    fence: int = 0

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def lock(app: App, *, env: str = "") -> list[Lock]:
    """Show the lease of one environment, or of all."""
    environments = [env] if env else list(app.settings.environments)
    found = []
    for one in environments:
        app.settings.environment(one)
        found.append(read(one, app.leases.look(one)))
        _show(app, found[-1])
    return found


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
        heard=ago(seen.age),
        fence=record.fence,
    )


def told(lock: Lock) -> str:
    """One line: `ada@laptop holds dev since 2026-11-20 15:53 UTC (deploying, heard of 3 s ago)`."""
    if lock.state == "free":
        return f"nobody holds {lock.environment}"
    verb = "holds" if lock.state == "held" else "held"
    run = f", {lock.run_url}" if lock.run_url else ""
    return f"{lock.holder} {verb} {lock.environment} since {lock.since} UTC ({lock.phase}, heard of {lock.heard}{run})"


def _show(app: App, found: Lock) -> None:
    app.screen.say(told(found))
    if found.state == "held":
        app.screen.say(f"  if it is dead: {unlock_command(found)}")
    elif found.state == "expired":
        app.screen.say(f"  it has expired: the next deployment takes it over (or now: {unlock_command(found)})")


def unlock_command(found: Lock) -> str:
    return f"inv unlock --env {found.environment} --id {found.deployment}"
