"""drill: prove that a rollback would work, or roll back and return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tagship.domain import commands
from tagship.domain.blocked import Gate
from tagship.domain.text import counted, listed, moment, span
from tagship.domain.units import noun_of
from tagship.domain.version import ArtifactId
from tagship.engine.acquire import not_held
from tagship.engine.artifacts import Stored
from tagship.engine.crossing import left_applied
from tagship.engine.gate import NotChecked, gate
from tagship.engine.lease_session import ask
from tagship.engine.obstacles import require_clear
from tagship.engine.plan import MANY, Facts, facts, reachable
from tagship.engine.ran_before import require_ran
from tagship.engine.readiness import expected
from tagship.engine.rollback_candidates import chosen, kept
from tagship.engine.scope import named, one_environment
from tagship.engine.secret_versions import require_there
from tagship.errors import Interrupted, Refused, RollbackFailed, UsageError
from tagship.ports.app import App
from tagship.release.remedies import needed_env
from tagship.release.rollback_request import require_not_bad

PRODUCTION = "prod"  # how the name of an environment begins that is not drilled for real


@dataclass(frozen=True)
class Drilled:
    """Whether a rollback from `runs` to `version` would work.

    `expected` is in seconds, None if no rollback is on record. `there` and `back` are what a real one took, None if
    none was made.
    """

    environment: str
    runs: str
    version: str
    gates: Sequence[Gate]
    expected: float | None = None
    there: float | None = None
    back: float | None = None

    @property
    def ready(self) -> bool:
        return not any(gate.problem for gate in self.gates)

    def as_data(self) -> dict[str, object]:
        times = {"expected": self.expected, "there": self.there, "back": self.back}
        gates = [gate.as_data() for gate in self.gates]
        names = {"environment": self.environment, "runs": self.runs, "version": self.version}
        return {**names, "ready": self.ready, "gates": gates, **times}

    def insist(self) -> None:
        """Raise Refused if the rollback would not work."""
        blocked = [gate for gate in self.gates if gate.problem]
        if blocked:
            names = ", ".join(gate.name for gate in blocked)
            raise Refused(f"A rollback of {self.environment} would not work now: {names}.", remedy=blocked[0].remedy)


def drill(app: App, *, env: str = "", to: str = "", for_real: bool = False, yes: bool = False) -> Drilled:
    """Look at all that a rollback needs; change nothing.

    With `for_real`, roll back and return, by the commands that a person would type. Raises Refused for production and
    if a check fails, RollbackFailed if one of the two commands does.
    """
    artifact_id, environment = named(app, to, env, "--to") if to else (None, one_environment(app, env))
    if for_real:
        _require_no_production(app, environment)
    look = _Look(app, environment, artifact_id)
    checks = {name: check for name, check in look.gates().items() if not (for_real and name == "permissions")}
    gates = [gate(name, check) for name, check in checks.items()]  # the rollback itself shows what it may do
    drilled = Drilled(environment, look.runs, look.version, gates, look.expected)
    app.screen.table(("", "GATE", ""), [row for each_gate in gates for row in each_gate.rows()])
    if drilled.ready:
        where = needed_env(app, environment, look.version)
        when = f", in about {span(drilled.expected)}" if drilled.expected is not None else ""
        app.screen.say(f"rollback ready: {look.version}{when}: {commands.rollback(look.version, where)}")
    if not for_real:
        return drilled
    drilled.insist()
    return _there_and_back(app, drilled, yes)


@dataclass
class _Look:
    """The checks of one way back.

    `version` and `stored` are of the version that it goes to, empty and None until it is chosen.
    """

    app: App
    environment: str
    wanted: ArtifactId | None
    version: str = ""
    stored: Stored | None = None

    @cached_property
    def known(self) -> Facts:
        return facts(self.app, self.environment, MANY)

    @property
    def runs(self) -> str:
        return str(self.known.last.artifact_id) if self.known.last else ""

    @property
    def expected(self) -> float | None:
        """Return the median seconds of the latest rollbacks."""
        return expected(self.known.history, "rollback")

    def gates(self) -> dict[str, Callable[[], str]]:
        return {
            "way back": self._way_back,
            "image": self._image,
            "secrets": self._secrets,
            "migrations": self._migrations,
            "units": self._units,
            "target": self._target,
            "kept": self._kept,
            "lease": lambda: not_held(self.app, self.environment, commands.rollback(self.version, self.environment)),
            "permissions": self._permissions,
        }

    def _units(self) -> str:
        rules = self.app.target(self.environment).rules.urgent()
        return f"{len(reachable(self.app, self.environment, rules))} reachable"

    def _way_back(self) -> str:
        """Choose the version, and verify every byte that is named."""
        if self.wanted:
            stored = kept(self.app, self.environment, self.wanted)
            require_ran(self.app, self.environment, self.wanted, self.known.history)
            self._require_way(self.wanted)
        else:
            stored = chosen(self.app, self.known, ask=False)
        self.stored, self.version = stored, stored.manifest.artifact_id
        how = "signed" if stored.signed else f"UNSIGNED, which {self.environment} allows"
        return f"{self.version}, stored and {how}, built {moment(stored.manifest.build_time)} UTC"

    def _require_way(self, wanted: ArtifactId) -> None:
        """Refuse a version that `inv rollback --to` would refuse."""
        again = commands.rollback(wanted, self.environment)
        require_not_bad(self.app, self.environment, wanted, self.known.history, again)
        if wanted == self.runs and self.known.settled:
            raise Refused(
                f"{wanted} is what {self.environment} runs by the ledger, and no way back from it.",
                remedy=f"Look at the way that there is: {commands.drill(self.environment)}",
            )

    def _needed(self) -> Stored:
        if self.stored is None:
            raise NotChecked("there is no version to look at")
        return self.stored

    def _image(self) -> str:
        images = self._needed().manifest.every_image.values()
        for image in images:
            why = self.app.registry.status(image).why_not_pullable
            if why:
                raise Refused(f"{image.digest} can't be pulled: {why}.", remedy=commands.drill(self.environment))
        return (
            listed([f"{image.digest[:19]} is in {image.repository}" for image in images]) or "the version has no image"
        )

    def _secrets(self) -> str:
        references = self._needed().manifest.secrets.values()
        if not references:
            return "the version has no secrets"
        return require_there(self.app, self.environment, references)

    def _migrations(self) -> str:
        left = left_applied(self.app, self.environment, str(self._needed().manifest.artifact_id), self.known.history)
        if left:
            again = commands.rollback(self.version, self.environment, allow_irreversible=True)
            raise Refused(
                f"Migrations of {listed(left)} stay applied, and can't be undone.",
                remedy=f"If {self.version} works with that data: {again}",
            )
        return "nothing that can't be undone was applied since"

    def _target(self) -> str:
        """Ask the target what it knows that would make it fail."""
        stored, units = self._needed(), self.app.target(self.environment).units()
        if require_clear(self.app, self.environment, "rollback", stored, units):
            return "the target reports no obstacle"
        raise NotChecked("this kind of target can't be asked in advance")

    def _kept(self) -> str:
        """Count the units that have the version at hand."""
        self._needed()
        units = self.app.target(self.environment).units()
        reports = ask(self.app, self.environment, units)
        if not any(report.kept for report in reports):
            raise NotChecked(f"no {noun_of(units)} reports which versions it keeps; the rollback may have to fetch it")
        having = sum(self.version in report.kept for report in reports)
        return f"on {having} of {counted(len(units), noun_of(units))}: nothing is fetched there"

    def _permissions(self) -> str:
        real, caller = commands.drill(self.environment, for_real=True), self.app.at(self.environment).caller
        way = "" if _is_production(self.app, self.environment) else f": {real}"
        raise NotChecked(f"only a real rollback shows what {caller or 'this identity'} may do{way}")


def _is_production(app: App, environment: str) -> bool:
    return environment.startswith(PRODUCTION) or environment in app.settings.promotion.order[-1:]


def _require_no_production(app: App, environment: str) -> None:
    """Refuse a real drill where an outage is one."""
    if _is_production(app, environment):
        raise Refused(
            f"{environment} is production: it is not rolled back for an exercise.",
            remedy=f"Look at it: {commands.drill(environment)}",
        )


def _there_and_back(app: App, drilled: Drilled, yes: bool) -> Drilled:
    """Roll back, return, and measure both."""
    environment, again = drilled.environment, commands.drill(drilled.environment, for_real=True, yes=True)
    if not yes and not app.prompt.possible:
        raise UsageError("There is no terminal to ask at, and no --yes was given.", remedy=f"Say it: {again}")
    if not yes and not app.prompt.confirm(f"Roll {environment} back to {drilled.version}, and return?"):
        raise Interrupted("Not confirmed.", remedy=f"When it is time: {again}")
    away = _typed(app, environment, drilled.version, f"{environment} may run {drilled.runs} or {drilled.version}.")
    home = _typed(app, environment, drilled.runs, f"{environment} ran {drilled.version} before this.")
    app.screen.say(f"to {drilled.version}: {span(away)}; back to {drilled.runs}: {span(home)}")
    return replace(drilled, there=away, back=home)


def _typed(app: App, environment: str, version: str, state: str) -> float:
    """Run a rollback as it is typed; return its seconds.

    Raises RollbackFailed, with `state`, if it fails.
    """
    command = commands.rollback(version, environment, yes=True, drill=True)
    app.screen.say(f"$ {command}")
    began = app.clock.now()
    code = app.machine.run_verb(command)
    if code:
        raise RollbackFailed(
            f"The drill's rollback to {version} failed (exit code {code}).",
            state=state,
            remedy=f"See what runs: {commands.status(environment)}",
        )
    return (app.clock.now() - began).total_seconds()
