"""promote: make an environment run the very bytes that were healthy, and passed their tests, in the one before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from tagship.account.infra_foreseen import infra_lines
from tagship.domain import commands
from tagship.domain.plan import Plan
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import Stored
from tagship.engine.crossing import carried
from tagship.engine.deploying import DeployRequest, carry_out
from tagship.engine.outputs import with_fresh_outputs
from tagship.engine.plan import facts, show
from tagship.engine.promotion import before, order_of, require_next, require_passed
from tagship.engine.run import Result, planned
from tagship.engine.scope import patience
from tagship.errors import UNCHANGED, Interrupted, Refused, TagshipError, UsageError
from tagship.ports.app import App
from tagship.release.differences import show_differences
from tagship.release.promoting import Passage, believed, carry, issued


def promote(
    app: App,
    *,
    source: str = "",
    to: str = "",
    artifact: str = "",
    all_the_way: bool = False,
    allow_older: bool = False,
    allow_bad: bool = False,
    after: str = "",
    wait: str = "",
    yes: bool = False,
    dry_run: bool = False,
) -> Result:
    """Deploy to one environment what came through the one before it.

    Without a version, what runs there. Its bytes are copied by digest, and nothing is built. It shows what differs
    before it asks. `after` is what has to run there: Refused is raised if something else does, as more would be
    promoted than the one change. `all_the_way` goes through every environment in the order, and stops where one
    refuses.
    """
    asked = _Asked(patience(wait), allow_older=allow_older, allow_bad=allow_bad, after=after, yes=yes, dry_run=dry_run)
    if not all_the_way:
        source, to = _ends(app, source, to)
        return asked.promoted(app, Passage(source, to, _chosen(app, source, artifact)), named=bool(artifact))
    if source or to:
        raise UsageError("--all-the-way goes the whole order: it takes no --from and no --to.", remedy="Leave them out")
    return asked.walked(app, _chosen(app, order_of(app)[0], artifact))


def _ends(app: App, source: str, to: str) -> tuple[str, str]:
    """Find both environments; the order knows one by the other."""
    order = order_of(app)
    if not (source or to):
        raise UsageError(
            f"No environment is given; promotion.order is {', '.join(order)}.",
            remedy=f"Name both environments: {commands.promote(order[0], order[1])}",
        )
    to = to or next((name for name in order if before(app, name) == source), "")
    source = source or before(app, to) or order[0]
    if not to:
        raise UsageError(f"Nothing comes after {source} in promotion.order.", remedy=f"Name another: --from {order[0]}")
    require_next(app, source, to)
    return source, to


def _chosen(app: App, source: str, artifact: str) -> ArtifactId:
    """Return the version that is named, or what runs in an environment."""
    if artifact:
        return ArtifactId.parse(artifact)
    last = facts(app, source).last
    if last is None or last.state != "healthy":
        raise Refused(
            f"{source} has no healthy version to promote.",
            remedy=f"See what runs there: {commands.status(source)}",
        )
    return last.artifact_id


@dataclass(frozen=True)
class _Asked:
    """How a person wants a promotion done."""

    wait: float
    allow_older: bool
    allow_bad: bool
    after: str
    yes: bool
    dry_run: bool

    def walked(self, app: App, artifact_id: ArtifactId) -> Result:
        """Promote a version to each environment; stop where one refuses."""
        order = order_of(app)
        for source, to in pairwise(order):
            app.screen.say(f"{source} to {to}:")
            result = self.promoted(app, Passage(source, to, artifact_id), named=True)
        return result

    def promoted(self, app: App, promotion: Passage, *, named: bool) -> Result:
        app = with_fresh_outputs(app, promotion.to, promotion.artifact_id)
        request = PromoteRequest(
            environment=promotion.to,
            artifact_id=promotion.artifact_id,
            promotion=promotion,
            named=named,
            allow_older=self.allow_older,
            allow_bad=self.allow_bad,
            after=self.after,
            wait=self.wait,
        )
        plan = request.plan(app)
        source = believed(app, promotion)
        manifest = issued(app, promotion, source)
        show(app, plan)
        show_differences(app, promotion, manifest, plan.replaces)
        for line in infra_lines(app, manifest):
            app.screen.say(line)
        if self.dry_run:
            return planned(app, plan)
        self._confirm(app, plan, promotion)
        carry(app, promotion, source, manifest)
        app.screen.say(f"{plan.artifact_id} of {promotion.source} is published for {promotion.to}, the same bytes")
        try:
            return carry_out(app, request, plan)
        except TagshipError as reason:
            if reason.state == UNCHANGED:
                reason.state = f"{plan.artifact_id} is published for {promotion.to}; no {plan.noun} was changed."
            raise

    def _confirm(self, app: App, plan: Plan, promotion: Passage) -> None:
        """Ask, where somebody can answer. Raises UsageError elsewhere, without --yes."""
        if self.yes or plan.replaces == plan.artifact_id:
            return
        again = commands.promote(promotion.source, promotion.to, promotion.artifact_id, yes=True)
        if not app.prompt.possible:
            raise UsageError("There is no terminal to ask at: promote needs --yes.", remedy=again)
        if not app.prompt.confirm(f"Promote {plan.label} to {promotion.to}?"):
            raise Interrupted("Not promoted.", remedy=again)


@dataclass(frozen=True, kw_only=True)
class PromoteRequest(DeployRequest):
    """An environment is to run what came through the one before."""

    promotion: Passage
    named: bool
    after: str = ""  # what has to run where it goes; empty: anything

    def plan(self, app: App) -> Plan:
        """Ask the gates of the environment before, then those of a deployment."""
        self._require_current(app)
        self._require_alone(app)
        plan = super().plan(app)
        between = carried(app, self.promotion.source, self.artifact_id, plan.replaces)
        return replace(plan, irreversible=tuple(dict.fromkeys([*between, *plan.irreversible])))

    def stored(self, app: App) -> Stored:
        """Return the artifact as it is there, or as it will be.

        What is there was verified; what will be there is made of what was verified in the environment before.
        """
        source = believed(app, self.promotion)
        came, digest, bad = self.promotion.source, source.manifest_sha256, self.allow_bad
        require_passed(app, came, self.artifact_id, digest, self.spelled(), allow_bad=bad)
        return replace(source, manifest=issued(app, self.promotion, source))

    def _require_current(self, app: App) -> None:
        """Refuse a version that another one replaced since, unless it was named."""
        runs = facts(app, self.promotion.source).serving
        if not self.named and runs != self.artifact_id:
            raise Refused(
                f"{self.promotion.source} runs {runs or 'nothing'} now, not {self.artifact_id}.",
                remedy=f"Promote what runs there: {commands.promote(self.promotion.source, self.environment)}",
            )

    def _require_alone(self, app: App) -> None:
        """Refuse more than the one change that needed no approval."""
        runs = facts(app, self.environment).serving if self.after else ""
        if runs not in (self.after, str(self.artifact_id)):
            raise Refused(
                f"{self.environment} runs {runs or 'nothing'}, not {self.after}: other changes would go with this one, "
                "and nobody has approved them.",
                remedy=f"Approve all of it by hand: {self.spelled()}",
            )

    def spelled(self, skip: str = "", *, older: bool = False) -> str:  # noqa: ARG002 (a promotion leaves no unit out)
        """Spell this promotion, of an older version too."""
        older = self.allow_older or older
        return commands.promote(self.promotion.source, self.environment, self.artifact_id, allow_older=older)
