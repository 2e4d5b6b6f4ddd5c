"""The fencing numbers of an environment: what its records prove, and the order that starts them again."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain import commands, layout
from tagship.domain.deployment import Deployment, Entry, believed, fences, is_to_come, new_id
from tagship.domain.fence import GENERATION, FenceReset, highest, next_start
from tagship.domain.keys import ORDERS
from tagship.domain.lease import LeaseUnreadable
from tagship.domain.sealed import opened, seal
from tagship.domain.text import listed
from tagship.errors import NotAuthentic, Refused
from tagship.ports.app import App
from tagship.ports.bucket import Conflict


def last_reset(app: App, environment: str) -> FenceReset | None:
    """Read the last reset; None without one. Raises NotAuthentic."""
    key = layout.fence(app.settings.app, environment)
    stored = app.store.get(key)
    if stored is None:
        return None
    where, again = app.store.url(key), commands.unlock(environment, reset_fence=True)
    unsigned = app.settings.environment(environment).allow_unsigned
    values = opened(
        stored.body,
        lambda: app.keys(environment, ORDERS).verifier,
        where,
        unsigned=unsigned,
        again=again,
    )
    reset = FenceReset.of(values)
    if reset is None or (reset.app, reset.environment) != (app.settings.app, environment):
        raise NotAuthentic(f"{where} is not a reset of {environment}.", remedy=f"Write it again: {again}")
    return reset


def began_at(app: App, environment: str, known: Sequence[int]) -> int:
    """Return where the numbers began: 0, or at the last reset.

    The record of a reset is read only if one of the `known` numbers can have come of one.
    """
    if max(known, default=0) < GENERATION:
        return 0
    try:
        reset = last_reset(app, environment)
    except NotAuthentic as reason:
        app.screen.warn(f"the last reset of the fencing numbers of {environment} is ignored: {reason.what}")
        return 0
    return reset.fence if reset else 0


def plausible(app: App, environment: str, deployments: Sequence[Deployment]) -> tuple[Sequence[Deployment], int]:
    """Keep the deployments that leases led to, and their highest number.

    The others are named: somebody wrote them who had no right to. What a reset left in the ledger is no deployment.
    """
    deployments = _begun(app, environment, deployments)
    numbers = fences(deployments)
    top = highest(numbers, began_at(app, environment, numbers))
    deployments = [deployment for deployment in deployments if deployment.state != "reset"]
    if all(0 <= number <= top for number in numbers):
        return deployments, top
    odd = sorted({number for number in numbers if not 0 <= number <= top})
    app.screen.warn(
        f"the ledger of {environment} has entries that were written without a lease (fencing number "
        f"{listed([str(number) for number in odd])}, after {top}): they are ignored. "
        f"Find out who wrote them: {commands.history(environment)}"
    )
    return believed(deployments, top), top


def _begun(app: App, environment: str, deployments: Sequence[Deployment]) -> Sequence[Deployment]:
    """Leave out deployments of a time to come, and name them."""
    if not any(is_to_come(deployment.id, app.clock.now()) for deployment in deployments):
        return deployments
    now = app.store.now()  # asked only if this machine's clock finds any
    odd = [deployment.id for deployment in deployments if is_to_come(deployment.id, now)]
    if odd:
        app.screen.warn(
            f"the ledger of {environment} has entries of a time to come ({listed(odd)}): they are ignored. "
            f"Find out who wrote them: {commands.history(environment)}"
        )
    return [deployment for deployment in deployments if deployment.id not in odd]


# -- starting them again -----------------------------------------------------------------------------------------------


def reset_from(app: App, environment: str, reason: str) -> FenceReset:
    """Make the order that starts an environment's numbers again."""
    ours = _reset_or_none(app, environment)
    base = ours.fence if ours else 0
    group = app.settings.lease_group(environment)
    others = [name for name in app.settings.environments if name != environment]
    resets = [_reset_or_none(app, name) for name in others if app.settings.lease_group(name) == group]
    began = [reset.fence for reset in resets if reset]
    known = [*fences(app.ledger.deployments(environment)), _in_the_lease(app, environment), *began]
    at = app.store.now().isoformat(timespec="seconds")
    return FenceReset(app.settings.app, environment, next_start(known, base, began), at, app.who, reason)


def _reset_or_none(app: App, environment: str) -> FenceReset | None:
    try:
        return last_reset(app, environment)
    except NotAuthentic:
        return None  # it is written over


def _in_the_lease(app: App, environment: str) -> int:
    try:
        seen = app.leases.look(environment)
    except LeaseUnreadable as damage:
        return damage.fence
    return seen.record.fence if seen else 0


def sealed_reset(app: App, reset: FenceReset) -> bytes:
    """Sign a reset, where the environment's settings name a key."""
    if not app.settings.signing:
        return seal(reset.as_data(), None)
    keys = app.keys(reset.environment, ORDERS)
    return seal({**reset.as_data(), "key": keys.id}, keys.signer.sign)


def resign_reset(app: App, environment: str, *, dry_run: bool) -> str:
    """Sign the last reset by today's key, if another did; say so.

    Raises NotAuthentic if no key that counts has signed it.
    """
    reset = last_reset(app, environment)
    keys = app.keys(environment, ORDERS)
    if reset is None or reset.key == keys.id:
        return ""
    if not dry_run:
        publish(app, reset, sealed_reset(app, reset))
    return f"the last reset of the fencing numbers: {'to be ' if dry_run else ''}signed by {keys.id}"


def record(app: App, reset: FenceReset) -> None:
    """Record a reset in the ledger: who, and why."""
    # It changes nothing yet.
    app.ledger.append(
        Entry(
            deployment_id=new_id(app.store.now()),
            number=1,
            state="reset",
            at=reset.at,
            app=reset.app,
            environment=reset.environment,
            action="unlock",
            artifact_id="",
            who=reset.who,
            where=app.run_url,
            fence=reset.fence,
            reason=reset.reason,
        )
    )


def publish(app: App, reset: FenceReset, raw: bytes) -> None:
    """Write a signed reset for hosts. Raises Refused if another came between."""
    key = layout.fence(reset.app, reset.environment)
    stored = app.store.get(key)
    try:
        if stored:
            app.store.replace(key, raw, stored.etag)
        else:
            app.store.create(key, raw)
    except Conflict as reason:
        raise Refused(
            f"Somebody else has just reset the fencing numbers of {reset.environment}.",
            remedy=f"See what runs, and whether a reset is still needed: {commands.lock(reset.environment)}",
        ) from reason
