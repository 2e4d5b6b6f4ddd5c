"""why-not: every gate between a version and an environment, ok, blocked or not checked, and the way through.

The gates are the checks of deploy, and of promote for what comes from the environment before, asked one by one: a check
that refuses is a blocked gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tagship.domain import blocked, commands, layout
from tagship.domain.blocked import Gate
from tagship.domain.deployment import Deployment, serving
from tagship.domain.manifest import Manifest
from tagship.domain.text import moment
from tagship.domain.units import noun_of
from tagship.domain.verdict import serves
from tagship.domain.version import ArtifactId
from tagship.engine.abreast import Missed, abreast, insist
from tagship.engine.acquire import not_held
from tagship.engine.artifacts import Stored, stored_manifest
from tagship.engine.gate import NotChecked, gate
from tagship.engine.gates import require_good, require_newer, require_unfrozen, why_bad
from tagship.engine.lease_session import ask
from tagship.engine.obstacles import require_clear
from tagship.engine.plan import facts, reachable, recent
from tagship.engine.promotion import Eligibility, before
from tagship.engine.scope import named
from tagship.engine.unpublished import deployable
from tagship.errors import NotAuthentic, Refused
from tagship.ports.app import App
from tagship.ports.target import Careful
from tagship.release.promoting import Passage, issued, require_origin, signed

ALL = "all"  # every environment, unless one has that name


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
            "open": self.open,
            "gates": [gate.as_data() for gate in self.gates],
        }

    def insist(self) -> None:
        """Raise Refused if a gate is blocked."""
        blocked.refuse(self.gates, self.version, self.environment, self.command)

    @property
    def open(self) -> bool:
        return all(gate.open for gate in self.gates)


@dataclass(frozen=True)
class Everywhere:
    """The gates between a version and each environment."""

    places: Sequence[WhyNot]
    missed: Sequence[Missed] = ()

    def as_data(self) -> list[dict[str, object]]:
        return [place.as_data() for place in self.places]

    def insist(self) -> None:
        """Raise Refused of the first environment that it can't go to."""
        # One that runs it already is passed over.
        for place in self.places:
            if [gate.name for gate in place.gates if gate.problem] != ["running"]:
                place.insist()
        insist(self.missed)


def why_not(app: App, *, env: str, version: str) -> WhyNot | Everywhere:
    """Ask every gate of an environment, or of `all`; change nothing."""
    if env == ALL and ALL not in app.settings.environments:
        return _everywhere(app, version)
    artifact_id, environment = named(app, version, env, commands.why_not(env, "").removesuffix(" ''"))
    answer = _asked(app, environment, artifact_id)
    rows = [row for gate in answer.gates for row in gate.rows()]
    app.screen.table(("", "GATE", ""), rows)
    if answer.open:
        app.screen.say(f"{version} can go to {env}: {answer.command}")
    return answer


def _everywhere(app: App, version: str) -> Everywhere:
    """Ask for each environment, and show in one table what is shut."""
    missed, rows = list[Missed](), list[list[str]]()
    chosen = {environment: named(app, version, environment)[0] for environment in app.settings.environments}
    answers = list(abreast(app, list(chosen), lambda app, name: _asked(app, name, chosen[name]), missed))
    for answer in answers:
        shut = [row for gate in answer.gates if not gate.open for row in gate.rows()]
        rows += [[answer.environment, *row] for row in shut or [["ok", "", answer.command]]]
    app.screen.table(("ENVIRONMENT", "", "GATE", ""), rows)
    return Everywhere(answers, missed)


def _asked(app: App, environment: str, artifact_id: ArtifactId) -> WhyNot:
    asked = _Asked(app, environment, artifact_id)
    seen = [gate(name, ask) for name, ask in asked.gates().items()]
    return WhyNot(environment, str(artifact_id), seen, asked.again)


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
    source: Stored | None = None  # as it is in the environment before
    bad: bool = False  # it is marked bad
    older: bool = False  # it comes before what runs

    @cached_property
    def passage(self) -> Passage | None:
        """Find the way by which it is promoted; None without one."""
        source = before(self.app, self.environment)
        if not source:
            return None
        passage = Passage(source, self.environment, self.artifact_id)
        stored, before_it = (
            self.app.store.head(passage.key(self.app, layout.MANIFEST, onward=onward)) for onward in (True, False)
        )
        return passage if before_it and (stored is None or self._was_promoted) else None

    @property
    def _was_promoted(self) -> bool:
        try:
            manifest = stored_manifest(self.app, self.environment, self.artifact_id)
        except NotAuthentic:
            return False
        return manifest is not None and manifest.promoted is not None

    def gates(self) -> dict[str, Callable[[], str]]:
        history = recent(self.app, self.environment)
        return {
            **(
                self._of_promotion(self.passage)
                if self.passage
                else {"artifact": self._artifact, "branch": self._branch}
            ),
            "marks": lambda: self._marks(history, serving(history)),
            "order": lambda: self._order(serving(history)),
            "units": self._units,
            **({"target": self._target} if isinstance(self.app.target(self.environment), Careful) else {}),
            "running": lambda: self._running(serving(history)),
            "freeze": self._freeze,
            "lease": lambda: not_held(self.app, self.environment, self.again),
        }

    def _of_artifact(self) -> dict[str, Callable[[], str]]:
        return {"artifact": self._artifact, "branch": self._branch}

    def _of_promotion(self, passage: Passage) -> dict[str, Callable[[], str]]:
        """List the gates of the environment before, as promote asks them."""
        record = Eligibility(self.app, passage.source, self.artifact_id, self.again)
        return {
            "artifact": lambda: self._carried(passage),
            "provenance": lambda: require_origin(self.app, passage, self._source.manifest),
            "health": record.healthy,
            "marks before": record.unmarked,
            "tests": lambda: record.tested(self._source.manifest_sha256),
            "bake": record.baked,
            "superseded": lambda: self._superseded(passage),
        }

    @property
    def _source(self) -> Stored:
        if self.source is None:
            raise NotChecked("the artifact can't be used (see artifact)")
        return self.source

    def _carried(self, passage: Passage) -> str:
        self.source = signed(self.app, passage)
        self.manifest = self.source.manifest
        self.stored = replace(self.source, manifest=issued(self.app, passage, self.source))
        return f"stored and signed on {passage.source}, built {moment(self.manifest.build_time)} UTC"

    def _superseded(self, passage: Passage) -> str:
        """Say what runs there by now."""
        # A version that is named goes anyway.
        runs = facts(self.app, passage.source).serving
        if runs == self.artifact_id:
            return f"{passage.source} runs it"
        return f"{passage.source} runs {runs or 'nothing'} now; a version that you name is promoted anyway"

    @property
    def again(self) -> str:
        """Spell the command with the flags that it needs.

        As far as they are known by now.
        """
        if self.passage:
            passage = self.passage
            return commands.promote(passage.source, passage.to, self.artifact_id, allow_older=self.older)
        return commands.deploy(self.artifact_id, self.environment, allow_bad=self.bad, allow_older=self.older)

    def _artifact(self) -> str:
        self.stored = stored = deployable(self.app, self.environment, self.artifact_id)
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
                f"{runs} runs on {self.environment} already: every {noun}{asked} confirms it.",
                remedy=f"There is nothing to deploy. See what runs: {commands.status(self.environment)}",
            )
        return f"the ledger says that it runs, but not every {noun} does"

    def _freeze(self) -> str:
        require_unfrozen(self.app, self.environment)
        return "not frozen"
