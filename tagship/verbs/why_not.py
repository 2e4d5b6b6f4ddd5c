"""why-not: every gate between a version and an environment, ok, blocked or not checked, and the way through.

The gates are deploy's own checks, asked one by one: a check that refuses is a blocked gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tagship.domain import blocked, commands
from tagship.domain.blocked import Gate
from tagship.domain.deployment import Deployment, serving
from tagship.domain.manifest import Manifest
from tagship.domain.text import moment
from tagship.domain.units import noun_of
from tagship.domain.verdict import serves
from tagship.domain.version import ArtifactId
from tagship.engine.acquire import not_held
from tagship.engine.artifacts import Stored, verified
from tagship.engine.gate import NotChecked, gate
from tagship.engine.gates import require_good, require_newer, require_unfrozen, why_bad
from tagship.engine.lease_session import ask
from tagship.engine.obstacles import require_clear
from tagship.engine.plan import reachable, recent
from tagship.engine.scope import named
from tagship.errors import Refused
from tagship.ports.app import App
from tagship.ports.target import Careful


@dataclass(frozen=True)
class WhyNot:
    """The gates between a version and an environment.

    What is said of the version comes first, then what is said of the environment.
    """

    environment: str
    version: str
    gates: Sequence[Gate]
    command: str = ""  # the deployment, with the flags that it needs

    def as_data(self) -> dict[str, object]:
        return {
            "environment": self.environment,
            "version": self.version,
            "open": all(gate.open for gate in self.gates),
            "gates": [gate.as_data() for gate in self.gates],
        }

    def insist(self) -> None:
        """Raise Refused if a gate is blocked."""
        blocked.refuse(self.gates, self.version, self.environment, self.command)


def why_not(app: App, *, env: str, version: str) -> WhyNot:
    """Ask every gate; change nothing."""
    artifact_id, environment = named(app, version, env, commands.why_not(env, "").removesuffix(" ''"))
    asked = _Asked(app, environment, artifact_id)
    seen = [gate(name, ask) for name, ask in asked.gates().items()]
    answer = WhyNot(environment, str(artifact_id), seen, asked.again)
    rows = [row for gate in answer.gates for row in gate.rows()]
    app.screen.table(("", "GATE", ""), rows)
    if all(gate.open for gate in answer.gates):
        app.screen.say(f"{version} can go to {env}: {commands.deploy(artifact_id, environment)}")
    return answer


@dataclass
class _Asked:
    """The checks of one version and one environment.

    Each answers in a few words, or raises why not.
    """

    app: App
    environment: str
    artifact_id: ArtifactId
    manifest: Manifest | None = None
    stored: Stored | None = None
    bad: bool = False  # it is marked bad
    older: bool = False  # it comes before what runs

    def gates(self) -> dict[str, Callable[[], str]]:
        history = recent(self.app, self.environment)
        return {
            "artifact": self._artifact,
            "branch": self._branch,
            "marks": lambda: self._marks(history, serving(history)),
            "order": lambda: self._order(serving(history)),
            "units": self._units,
            **({"target": self._target} if isinstance(self.app.target(self.environment), Careful) else {}),
            "running": lambda: self._running(serving(history)),
            "freeze": self._freeze,
            "lease": lambda: not_held(self.app, self.environment, self.again),
        }

    @property
    def again(self) -> str:
        """Spell the deployment with the flags that it needs.

        As far as they are known by now.
        """
        return commands.deploy(self.artifact_id, self.environment, allow_bad=self.bad, allow_older=self.older)

    def _artifact(self) -> str:
        self.stored = stored = verified(self.app, self.environment, self.artifact_id)
        self.manifest = stored.manifest
        how = "signed" if stored.signed else f"UNSIGNED, which {self.environment} allows"
        return f"stored and {how}, built {moment(self.manifest.build_time)} UTC at {self.manifest.commit[:8]}"

    def _branch(self) -> str:
        """Check that the environment takes the branch it was built from.

        A version of another channel was promoted, and is not checked.
        """
        wanted, version = self.app.settings.environment(self.environment).branch, self.artifact_id.version
        if self.manifest is None:
            raise NotChecked("the manifest names the branch, and can't be used (see artifact)")
        if version and version.suffix != self.app.settings.suffix(self.environment):
            return f"of the channel {version.suffix or 'of final releases'}, promoted"
        if wanted and self.manifest.branch and self.manifest.branch != wanted:
            raise Refused(
                f"It was built from {self.manifest.branch}, and {self.environment} takes what comes from {wanted}.",
                remedy=f"Merge it into {wanted}, and ship it from there: {commands.deploy_dev(self.environment)}",
            )
        return f"built from {self.manifest.branch}" if self.manifest.branch else "its manifest names no branch"

    def _marks(self, history: Sequence[Deployment], runs: str) -> str:
        artifact = self.artifact_id
        self.older = self._is_older(runs)
        bad = why_bad(self.app, self.environment, artifact, history)
        if bad and not bad.by_hand:
            return f"counts as bad: {bad.why} (it may be deployed again; a rollback to it may need --allow-bad)"
        again, self.bad = self.again, bad is not None
        require_good(self.environment, artifact, bad, again)
        return "not marked bad"

    def _is_older(self, runs: str) -> bool:
        built = self.manifest.build_time if self.manifest else ""
        try:
            require_newer(self.app, self.environment, self.artifact_id, built, runs)
        except Refused:
            return True
        return False

    def _order(self, runs: str) -> str:
        built = self.manifest.build_time if self.manifest else ""
        require_newer(self.app, self.environment, self.artifact_id, built, runs, bad=self.bad)
        return f"not older than {runs}" if runs else "nothing runs that it could be older than"

    def _units(self) -> str:
        return f"{len(reachable(self.app, self.environment))} reachable"

    def _target(self) -> str:
        """Check what the target itself knows that would make it fail."""
        if self.stored is None:
            raise NotChecked("the artifact can't be used (see artifact)")
        units = self.app.target(self.environment).units()
        require_clear(self.app, self.environment, "deploy", self.stored, units)
        return "nothing is in the way"

    def _running(self, runs: str) -> str:
        """Refuse if every unit that can be asked serves it.

        What the ledger alone says can be mended.
        """
        if runs != self.artifact_id:
            return f"{runs or 'nothing'} runs, by the ledger"
        units = self.app.target(self.environment).units()
        noun, reports = noun_of(units), ask(self.app, self.environment, units)
        asked = " that can be asked" if len(reports) < len(units) else ""
        if reports and all(serves(report, runs) for report in reports):
            raise Refused(
                f"{runs} runs on {self.environment} already: every {noun}{asked} says so.",
                remedy=f"There is nothing to deploy. See what runs: {commands.status(self.environment)}",
            )
        return f"the ledger says that it runs, but not every {noun} does"

    def _freeze(self) -> str:
        require_unfrozen(self.app, self.environment)
        return "not frozen"
