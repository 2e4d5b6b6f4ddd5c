"""cleanup: delete artifacts that are old and that nothing needs any more, and what deployments left of them on AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from tagship.domain import commands
from tagship.domain.retention import DAYS, KEEP, Policy, Retention, Use
from tagship.domain.storage_price import WHENCE
from tagship.domain.text import counted, size
from tagship.engine.cleaned import Cleaned
from tagship.engine.in_use import Histories, histories, hold, in_use, is_closed
from tagship.engine.leftovers import Inventory, Tidying, held_by_them, look
from tagship.engine.lifecycle import contradictions
from tagship.engine.previews import records
from tagship.engine.sweep import Sweep, SweptArtifact
from tagship.errors import Refused, SettingsError, TagshipError, UsageError, said_to_be_done
from tagship.ports.app import App

COLUMNS = ("ARTIFACT", "SIZE", "AGE", "", "WHY")
CENT = 0.01  # USD


@dataclass(frozen=True)
class Cleanup:
    """What a cleanup did, or would do, by environment."""

    dry_run: bool
    days: int
    keep: int
    environments: Sequence[Cleaned]
    failures: Sequence[TagshipError] = ()

    def as_data(self) -> dict[str, object]:
        rows = [asdict(cleaned) for cleaned in self.environments]
        return {"dry_run": self.dry_run, "days": self.days, "keep": self.keep, "environments": rows}

    def insist(self) -> None:
        """Raise the first failure of an environment."""
        with said_to_be_done(self._deleted):
            for failure in self.failures:
                raise failure

    def _deleted(self) -> str:
        """Say what was deleted in all environments; empty for nothing."""
        objects = sum(cleaned.deleted for cleaned in self.environments)
        left = sum(cleaned.left_deleted for cleaned in self.environments)
        gone = [counted(objects, "object")] if objects else []
        gone += [counted(left, "leftover")] if left else []
        return f"Deleted by then: {' and '.join(gone)} of artifacts that go." if gone else ""


def cleanup(
    app: App,
    *,
    env: str = "",
    pr: str = "",
    days: int = DAYS,
    keep: int = KEEP,
    explain: bool = False,
    dry_run: bool = False,
) -> Cleanup:
    """Delete artifacts of one environment, or of all.

    Those older than `days` that nothing uses go, but for the newest `keep` healthy ones. An environment whose ledger or
    units can't be read is left as it is.
    """
    environments, policy = _environments(app, env, pr), _policy(days, keep)
    known, listing = histories(app), explain or dry_run
    half: list[HalfCleaned] = []
    cleaned, failures = list[Cleaned](), list[TagshipError]()
    for environment in environments:
        result = Cleaned(environment, contradictions=contradictions(app, environment, policy))
        cleaned.append(result)
        with _noted(result, failures):
            half.append(_sweep(app, result, policy, known, listing=listing, dry_run=dry_run))
    # All artifacts first, and what is left of them after: what an artifact of another environment held goes too.
    for work in half:
        with _noted(work.cleaned, failures):
            _tidy(app, work, half, listing=listing, dry_run=dry_run)
    for result in cleaned:
        _show(app, result, dry_run=dry_run)
    return Cleanup(dry_run, days, keep, cleaned, failures)


@contextmanager
def _noted(result: Cleaned, failures: list[TagshipError]) -> Iterator[None]:
    """Note why an environment was not cleaned up; the others are."""
    try:
        yield
    except TagshipError as reason:
        result.problem = reason.what
        failures.append(reason)


def _environments(app: App, env: str, pr: str) -> list[str]:
    if env and pr:
        raise UsageError(
            "--env and --pr name an environment each.", remedy=f"Name one of them: {commands.cleanup(env)}"
        )
    if pr and not pr.isdecimal():
        raise UsageError(f"Invalid --pr {pr!r}: give the number of a pull request.", remedy="Such as: --pr 51")
    if pr and f"pr-{pr}" not in app.settings.environments:
        near = next(iter(app.settings.environments))
        raise SettingsError(
            f"tagship.toml has no environment pr-{pr}, so tagship can't ask what it runs.",
            remedy=f"Name one that it has: {commands.cleanup(near)}",
        )
    every = dict.fromkeys([*app.settings.environments, *_previews(app)])
    chosen = [f"pr-{pr}"] if pr else [env] if env else list(every)
    for environment in chosen:
        app.settings.environment(environment)
    return chosen


def _previews(app: App) -> list[str]:
    """Name the previews that are recorded, open or closed."""
    return list(records(app)) if app.settings.previews.environment else []


def _policy(days: int, keep: int) -> Policy:
    for flag, value in (("days", days), ("keep", keep)):
        if value < 0:
            raise UsageError(f"Invalid --{flag} {value}: it can't be negative.", remedy=f"Use a number: --{flag} 5")
    return Policy(days, keep)


@dataclass(frozen=True)
class HalfCleaned:
    """An environment whose artifacts were judged.

    `staying` maps them to the reason; `going` are those that a dry run left where they are.
    """

    cleaned: Cleaned
    looked: Sequence[Inventory]
    use: Use
    retention: Retention
    staying: dict[str, str] = field(default_factory=dict)
    going: set[str] = field(default_factory=set)

    @property
    def environment(self) -> str:
        return self.cleaned.environment

    def needed(self) -> Iterator[tuple[str, str]]:
        """Yield what is needed there, stored or not, and why."""
        return ((artifact, f"{reason} ({self.environment})") for artifact, reason in self.retention.kept.items())


def _sweep(
    app: App, cleaned: Cleaned, policy: Policy, known: Histories, *, listing: bool, dry_run: bool
) -> HalfCleaned:
    """Judge an environment's artifacts; delete those that go."""
    environment = cleaned.environment
    with app.screen.live(f"looking at what is stored for {environment}") as phase:
        looked = _looked(app, cleaned, dry_run=dry_run)
        use = _used(app, cleaned, policy, known, looked)
        work = HalfCleaned(cleaned, looked, use, Retention.of(use, policy, app.store.now()))

        def seen(swept: SweptArtifact) -> None:
            cleaned.count(swept, listing=listing)
            if not swept.verdict.goes:
                work.staying[swept.artifact.id] = swept.verdict.reason
            elif dry_run:
                work.going.add(swept.artifact.id)

        sweep = Sweep(app, environment, use, work.retention, phase, seen)
        try:
            sweep.run(dry_run=dry_run)
        finally:
            cleaned.deleted = sweep.deleted
    return work


def _looked(app: App, cleaned: Cleaned, *, dry_run: bool) -> list[Inventory]:
    """Look at what is left; a dry run goes on without it."""
    cleaned.hold = hold(app, cleaned.environment)
    try:
        # What a preview ran on is gone once that is closed.
        nothing = cleaned.hold or is_closed(app, cleaned.environment)
        return [] if nothing else look(app, cleaned.environment)
    except Refused as reason:
        if not dry_run:
            raise
        cleaned.unlisted = reason.what
        return []


def _used(app: App, cleaned: Cleaned, policy: Policy, known: Histories, looked: list[Inventory]) -> Use:
    """Ask what uses artifacts; nothing is asked if nothing may go anyway."""
    environment = cleaned.environment
    if cleaned.hold:
        return Use(known[environment], app.ledger.marks(environment), hold=cleaned.hold)
    return in_use(app, environment, policy, known, held_by_them(looked))


def _tidy(app: App, work: HalfCleaned, every: Sequence[HalfCleaned], *, listing: bool, dry_run: bool) -> None:
    """Delete what is left of artifacts that no environment has any longer."""
    cleaned = work.cleaned
    if work.use.hold or cleaned.unlisted:
        return
    others = [other for other in every if other is not work]
    with app.screen.live(f"looking at what is left on AWS of {work.environment}") as phase:
        tidying = Tidying(
            app,
            work.environment,
            work.use,
            work.retention,
            work.staying,
            phase,
            lambda shelf, judged: cleaned.count_left(shelf, judged, listing=listing),
            needed=dict(pair for other in others for pair in other.needed()),
            going={other.environment: other.going for other in others},
        )
        try:
            tidying.run(work.looked, dry_run=dry_run)
        except Refused as reason:
            if not dry_run:
                raise
            cleaned.unlisted = reason.what
        finally:
            cleaned.left_deleted = tidying.deleted


def _show(app: App, cleaned: Cleaned, *, dry_run: bool) -> None:
    if cleaned.rows:
        app.screen.table(COLUMNS, [row.cells() for row in cleaned.rows])
    for words in cleaned.contradictions:
        app.screen.warn(words)
    if cleaned.problem:
        app.screen.warn(f"{cleaned.environment} was not cleaned up: {cleaned.problem}")
        return
    verb = "would go" if dry_run else "gone"
    go = f"{counted(cleaned.go, 'artifact')} {verb} ({size(cleaned.go_bytes)})"
    app.screen.say(f"{cleaned.environment}: {go}, {cleaned.stay} stay ({size(cleaned.stay_bytes)})")
    for noun, left in cleaned.left.items():
        weight = f" ({size(left.go_bytes)})" if left.go_bytes else ""
        app.screen.say(f"  {noun}: {left.go} {verb}{weight}, {left.stay} stay")
    if cleaned.unlisted:
        app.screen.warn(f"so this list is incomplete: {cleaned.unlisted}")
    if cleaned.hold:
        app.screen.say(f"  nothing of {cleaned.environment} is deleted now: {cleaned.hold}")
    if cleaned.saved >= CENT:
        now = cleaned.saved + cleaned.costs
        app.screen.say(f"  about ${cleaned.saved:,.2f} a month less, of ${now:,.2f}: {WHENCE}")
