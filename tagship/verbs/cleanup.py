"""cleanup: delete stored artifacts that are old and that nothing needs any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tagship.domain import commands
from tagship.domain.retention import DAYS, KEEP, Policy, Retention
from tagship.domain.text import counted, size, span
from tagship.engine.in_use import Histories, histories, in_use
from tagship.engine.sweep import Judged, Sweep
from tagship.errors import SettingsError, TagshipError, UsageError
from tagship.ports.app import App

COLUMNS = ("ARTIFACT", "SIZE", "AGE", "", "WHY")


@dataclass(frozen=True)
class Row:
    """One artifact: bytes, when it was stored (ISO 8601, UTC), days."""

    artifact: str
    bytes: int
    stored: str
    days: float
    goes: bool
    reason: str

    @classmethod
    def of(cls, judged: Judged) -> Row:
        artifact, verdict = judged.artifact, judged.verdict
        days = round(verdict.age.total_seconds() / 86400, 4)
        return cls(artifact.id, artifact.size, artifact.stored.isoformat(), days, verdict.goes, verdict.reason)

    def cells(self) -> list[str]:
        word = "goes" if self.goes else "stays"
        return [self.artifact, size(self.bytes), span(self.days * 86400), word, self.reason]


@dataclass
class Cleaned:
    """One environment: how many artifacts and bytes go and stay.

    `deleted` counts objects. `problem` is why it was not cleaned up, or not to the end; `rows` are for `--explain`.
    """

    environment: str
    go: int = 0
    go_bytes: int = 0
    stay: int = 0
    stay_bytes: int = 0
    deleted: int = 0
    hold: str = ""
    problem: str = ""
    rows: list[Row] = field(default_factory=list)

    def count(self, judged: Judged, *, listing: bool) -> None:
        bytes_, goes = judged.artifact.size, judged.verdict.goes
        self.go, self.go_bytes = self.go + goes, self.go_bytes + bytes_ * goes
        self.stay, self.stay_bytes = self.stay + (not goes), self.stay_bytes + bytes_ * (not goes)
        if listing:
            self.rows.append(Row.of(judged))


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
        result = Cleaned(environment)
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
    chosen = [f"pr-{pr}"] if pr else [env] if env else list(app.settings.environments)
    for environment in chosen:
        app.settings.environment(environment)
    return chosen


def _policy(days: int, keep: int) -> Policy:
    for flag, value in (("days", days), ("keep", keep)):
        if value < 0:
            raise UsageError(f"Invalid --{flag} {value}: it can't be negative.", remedy=f"Use a number: --{flag} 5")
    return Policy(days, keep)


def _clean(app: App, cleaned: Cleaned, policy: Policy, known: Histories, *, listing: bool, dry_run: bool) -> None:
    environment = cleaned.environment
    use = in_use(app, environment, policy, known)
    cleaned.hold = use.hold
    retention = Retention.of(use, policy, app.store.now())
    with app.screen.live(f"looking at what is stored for {environment}") as phase:
        sweep = Sweep(app, environment, use, retention, phase, lambda judged: cleaned.count(judged, listing=listing))
        try:
            sweep.run(dry_run=dry_run)
        finally:
            cleaned.deleted = sweep.deleted


def _show(app: App, cleaned: Cleaned, *, dry_run: bool) -> None:
    if cleaned.rows:
        app.screen.table(COLUMNS, [row.cells() for row in cleaned.rows])
    if cleaned.problem:
        app.screen.warn(f"{cleaned.environment} was not cleaned up: {cleaned.problem}")
        return
    verb = "would go" if dry_run else "gone"
    go = f"{counted(cleaned.go, 'artifact')} {verb} ({size(cleaned.go_bytes)})"
    app.screen.say(f"{cleaned.environment}: {go}, {cleaned.stay} stay ({size(cleaned.stay_bytes)})")
    if cleaned.hold:
        app.screen.say(f"  nothing of {cleaned.environment} goes now: {cleaned.hold}")
