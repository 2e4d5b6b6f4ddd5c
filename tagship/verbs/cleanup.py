"""cleanup: delete artifacts that are old and that nothing needs any more, and what deployments left of them on AWS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tagship.domain import commands
from tagship.domain.leftovers import Judged
from tagship.domain.retention import DAYS, KEEP, Judgement, Policy, Retention, Use
from tagship.domain.storage_price import GB, S3_STANDARD, WHENCE
from tagship.domain.text import counted, size, span
from tagship.engine.in_use import Histories, histories, hold, in_use, is_closed
from tagship.engine.leftovers import Inventory, Tidying, held_by_them, look
from tagship.engine.lifecycle import contradictions
from tagship.engine.previews import records
from tagship.engine.sweep import Sweep, SweptArtifact
from tagship.errors import Refused, SettingsError, TagshipError, UsageError
from tagship.ports.app import App
from tagship.ports.leftovers import Shelf

COLUMNS = ("ARTIFACT", "SIZE", "AGE", "", "WHY")
ARTIFACT = "artifact"
CENT = 0.01  # USD


@dataclass(frozen=True)
class Row:
    """One artifact, or something left of one.

    `bytes`, when it was `stored` (ISO 8601, UTC; empty if nobody knows), and `days` since. `kind` is "artifact", or
    what is left: "version of function shop". `artifacts` are those that it is of.
    """

    artifact: str
    bytes: int
    stored: str
    days: float
    goes: bool
    reason: str
    kind: str = ARTIFACT
    artifacts: Sequence[str] = ()

    @classmethod
    def of(cls, swept: SweptArtifact) -> Row:
        artifact, verdict = swept.artifact, swept.verdict
        return cls(
            artifact.id,
            artifact.size,
            artifact.stored.isoformat(),
            _days(verdict),
            verdict.goes,
            verdict.reason,
            artifacts=(artifact.id,),
        )

    @classmethod
    def left(cls, shelf: Shelf, judged: Judged) -> Row:
        left, verdict = judged.leftover, judged.verdict
        stored = left.made.isoformat() if left.made else ""
        artifacts = tuple(left.artifacts)
        return cls(left.name, left.size, stored, _days(verdict), verdict.goes, verdict.reason, shelf.noun, artifacts)

    def cells(self) -> list[str]:
        word = "goes" if self.goes else "stays"
        of = f" ({self.artifacts[0]})" if self.artifacts and self.artifacts[0] != self.artifact else ""
        weight = size(self.bytes) if self.bytes else ""
        return [f"{self.artifact}{of}", weight, span(self.days * 86400), word, self.reason]


def _days(verdict: Judgement) -> float:
    return round(verdict.age.total_seconds() / 86400, 4)


@dataclass
class Left:
    """What is left of one kind: how many go and stay."""

    go: int = 0
    stay: int = 0
    go_bytes: int = 0


@dataclass
class Cleaned:
    """One environment: how many artifacts and bytes go and stay.

    `deleted` counts objects. `left` counts what deployments left on AWS, by kind; `left_deleted` what was deleted of
    that. `saved` and `costs` are an estimate in USD a month. `problem` is why it was not cleaned up, or not to the end;
    `unlisted` why a dry run does not show what is left on AWS, or not all. `contradictions` are lifecycle rules that
    delete what may be in use; `rows` are for `--explain`.
    """

    environment: str
    go: int = 0
    go_bytes: int = 0
    stay: int = 0
    stay_bytes: int = 0
    deleted: int = 0
    left: dict[str, Left] = field(default_factory=dict)
    left_deleted: int = 0
    saved: float = 0.0
    costs: float = 0.0
    hold: str = ""
    problem: str = ""
    unlisted: str = ""
    contradictions: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def count(self, swept: SweptArtifact, *, listing: bool) -> None:
        bytes_, goes = swept.artifact.size, swept.verdict.goes
        self.go, self.go_bytes = self.go + goes, self.go_bytes + bytes_ * goes
        self.stay, self.stay_bytes = self.stay + (not goes), self.stay_bytes + bytes_ * (not goes)
        self._price(bytes_, S3_STANDARD, goes=goes)
        if listing:
            self.rows.append(Row.of(swept))

    def count_left(self, shelf: Shelf, judged: Judged, *, listing: bool) -> None:
        left, goes = self.left.setdefault(shelf.noun, Left()), judged.verdict.goes
        left.go, left.stay = left.go + goes, left.stay + (not goes)
        left.go_bytes += judged.leftover.size * goes
        self._price(judged.leftover.size, shelf.price, goes=goes)
        if listing:
            self.rows.append(Row.left(shelf, judged))

    def _price(self, bytes_: int, price: float, *, goes: bool) -> None:
        usd = bytes_ / GB * price
        self.saved, self.costs = self.saved + usd * goes, self.costs + usd * (not goes)


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
        """Raise the first failure: an environment was left as it was."""
        for failure in self.failures:
            raise failure


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
    known = histories(app)
    cleaned, failures = list[Cleaned](), list[TagshipError]()
    for environment in environments:
        result = Cleaned(environment, contradictions=contradictions(app, environment, policy))
        cleaned.append(result)
        try:
            _clean(app, result, policy, known, listing=explain or dry_run, dry_run=dry_run)
        except TagshipError as reason:
            result.problem = reason.what
            failures.append(reason)
        _show(app, result, dry_run=dry_run)
    return Cleanup(dry_run, days, keep, cleaned, failures)


def _environments(app: App, env: str, pr: str) -> list[str]:
    if env and pr:
        raise UsageError("--env and --pr name an environment each.", remedy=f"Name result: {commands.cleanup(env)}")
    if pr and not pr.isdecimal():
        raise UsageError(f"Invalid --pr {pr!r}: it is a pull request's number.", remedy="Such as: --pr 51")
    if pr and f"pr-{pr}" not in app.settings.environments:
        near = next(iter(app.settings.environments))
        raise SettingsError(
            f"tagship.toml has no environment pr-{pr}, so what it runs can't be asked.",
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


def _clean(app: App, cleaned: Cleaned, policy: Policy, known: Histories, *, listing: bool, dry_run: bool) -> None:
    environment = cleaned.environment
    with app.screen.live(f"looking at what is stored for {environment}") as phase:
        looked = _looked(app, cleaned, dry_run=dry_run)
        use = _used(app, cleaned, policy, known, looked)
        retention = Retention.of(use, policy, app.store.now())
        staying: dict[str, str] = {}

        def seen(swept: SweptArtifact) -> None:
            cleaned.count(swept, listing=listing)
            if not swept.verdict.goes:
                staying[swept.artifact.id] = swept.verdict.reason

        sweep = Sweep(app, environment, use, retention, phase, seen)
        try:
            sweep.run(dry_run=dry_run)
        finally:
            cleaned.deleted = sweep.deleted
        if not (use.hold or cleaned.unlisted):
            tidying = Tidying(app, environment, use, retention, staying, phase)
            _tidy(tidying, cleaned, looked, listing=listing, dry_run=dry_run)


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


def _tidy(tidying: Tidying, cleaned: Cleaned, looked: list[Inventory], *, listing: bool, dry_run: bool) -> None:
    tidying.seen = lambda shelf, judged: cleaned.count_left(shelf, judged, listing=listing)
    try:
        tidying.run(looked, dry_run=dry_run)
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
        app.screen.warn(f"so this is not all that may go or has to stay: {cleaned.unlisted}")
    if cleaned.hold:
        app.screen.say(f"  nothing of {cleaned.environment} goes now: {cleaned.hold}")
    if cleaned.saved >= CENT:
        now = cleaned.saved + cleaned.costs
        app.screen.say(f"  about ${cleaned.saved:,.2f} a month less, of ${now:,.2f}: {WHENCE}")
