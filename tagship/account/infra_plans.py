"""Plans that one job makes and another applies, after somebody approved: stored, known by a digest, and told.

A plan file holds every value in the clear, secrets too. So it goes through the bucket, where the state is as secret and
the environment's roles alone read it, and not through the run's artifacts, which everybody reads who reads the
repository. The digest is of the file, the app, the environment and the artifact: a plan is applied where it was meant.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from tagship.account.infra_work import InfraWork
from tagship.domain import commands, layout
from tagship.domain.infra_owned import block, taken_back
from tagship.domain.infra_plan import PlanComment, PlanSummary
from tagship.domain.text import listed
from tagship.errors import Refused, ServiceFailed, TagshipError
from tagship.ports.app import App
from tagship.ports.bucket import Conflict

DIGEST = re.compile(r"[0-9a-f]{64}")
KEPT = timedelta(days=30)  # as long as GitHub waits for an approval


def digest_of(work: InfraWork, plan: Path) -> str:
    """Digest a plan's file with what it is for."""
    content = hashlib.sha256(plan.read_bytes()).hexdigest()
    words = (work.app.settings.app, work.environment, work.artifact, content)
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def hand_over(work: InfraWork) -> str:
    """Store the plan for a later job; return its digest."""
    store, digest = work.app.store, digest_of(work, work.plan)
    now = store.now()
    folder = layout.plans(work.app.settings.app, work.environment)
    old = [listed.key for listed in store.list(folder) if now - listed.modified > KEPT]
    with suppress(Conflict):  # that very plan is there already
        store.create(_key(work, digest), work.plan)
    for key, why in store.delete_all(old).items() if old else ():
        work.app.screen.warn(f"the old plan {key} stays: {why}")
    return digest


def take_over(work: InfraWork, digest: str) -> None:
    """Put the plan of that digest in place.

    Raises Refused if it is not to be had, or another.
    """
    if work.plan.is_file() and digest_of(work, work.plan) == digest:
        return
    work.plan.parent.mkdir(parents=True, exist_ok=True)
    stored = work.app.store.download(_key(work, digest), work.plan) if DIGEST.fullmatch(digest) else None
    if stored is None:
        raise Refused(
            f"There is no plan {digest[:64]} of {work.environment} for {work.reason}: it was applied, or is older than "
            f"{KEPT.days} days, or is another environment's or version's.",
            remedy=f"Make one: {_again(work)}",
        )
    work.plan.chmod(0o600)
    if digest_of(work, work.plan) != digest:
        work.plan.unlink()
        raise Refused(
            f"The plan {digest} of {work.environment} has other bytes in the bucket than those that were approved.",
            remedy=f"See who wrote to the bucket, then: {_again(work)}",
        )


def forget(work: InfraWork, digest: str) -> None:
    """Delete a stored plan: it was applied, or can't be any more.

    What came of that stands: a plan that can't be deleted is a warning.
    """
    store, key = work.app.store, _key(work, digest)
    try:
        if head := store.head(key):
            store.delete(head.key, head.etag)
    except Conflict:
        return
    except ServiceFailed as reason:
        work.app.screen.warn(f"the plan {key} stays, with its values in the clear: {reason.what}")


def _again(work: InfraWork) -> str:
    return commands.infra_plan(work.artifact, work.environment, store=True)


def _key(work: InfraWork, digest: str) -> str:
    return f"{layout.plans(work.app.settings.app, work.environment)}{digest}.tfplan"


def overreach(work: InfraWork, summary: PlanSummary) -> list[str]:
    """Say which changes would take back what a deployment set."""
    return list(_overreach(work, summary))


def _overreach(work: InfraWork, summary: PlanSummary) -> Iterator[str]:
    owned = work.app.settings.environment(work.environment).target.owned
    for change, names in taken_back(summary.changes, owned):
        yield (
            f"{change.address} would change {listed(names)}, which deployments or autoscaling set: an apply takes back "
            f"what they did. Add to {change.type}: {block(owned[change.type].paths)}"
        )


def tell_pull_request(app: App, comment: PlanComment) -> None:
    """Write or change a plan's comment, in a pull request's run."""
    number = app.ci.pull_request
    if not (app.ci.run and number.isdecimal()):
        return
    if app.board is None:
        app.screen.say(f"no comment on pull request {number} by this step: it has no GITHUB_TOKEN")
        return
    mark, body = comment.mark(app.settings.app), comment.body(app.settings.app, app.run_url)
    try:
        app.screen.say(f"Commented: {app.board.comment(int(number), mark, body)}")
    except TagshipError as failure:
        app.screen.warn(f"no comment on the pull request: {failure.what} {failure.remedy}")
