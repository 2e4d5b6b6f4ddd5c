"""What a rollout came to, written down: the ledger's last word, and before it, where it failed, putting back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from tagship.domain.ec2.pointer import Pointer
from tagship.domain.plan import Plan
from tagship.domain.rollout import INTERRUPTED, Rollout
from tagship.domain.text import listed
from tagship.domain.units import Report, Unit
from tagship.domain.verdict import ending, evidence, what_serves
from tagship.engine.failures import again, cut_short, failure, heal
from tagship.engine.pointer import point
from tagship.engine.recorder import Recorder
from tagship.engine.rollout import put_back
from tagship.engine.session import LeaseSession
from tagship.errors import Incomplete, Interrupted, ServiceFailed, TagshipError
from tagship.settings.ec2 import Ec2


def conclude(hands: LeaseSession, record: Recorder, rollout: Rollout, seconds: float) -> None:
    """Write the ledger's last word, putting back first what a failed deployment changed, and raise what it came to."""
    left = {host.id for host in rollout.gone}
    told = tuple(host for host in rollout.hosts if host.id in rollout.reports and host.id not in left)
    hands.plan = replace(hands.plan, hosts=told)
    _name_the_moving(hands, rollout)
    if rollout.lagging and (hands.plan.heals or not rollout.stop):
        _leave_partial(hands, record, rollout, seconds)
    elif rollout.stop:
        _undo(hands, record, rollout, seconds)
    else:
        hands.hold_still()
        _record_healthy(record, hands.plan, rollout.here, seconds)
        point(hands.app, _pointer(hands))


def _name_the_moving(hands: LeaseSession, rollout: Rollout) -> None:
    """Hosts that left are not waited for, and hosts whose agent does not answer yet cannot be told: both are named."""
    environment, say = hands.plan.environment, hands.app.screen.warn
    if rollout.gone:
        say(f"left {environment} meanwhile, and not waited for: {listed(_named(rollout.gone))}")
    if rollout.joining:
        say(f"joined {environment}, and their agents do not answer yet: {listed(_named(rollout.joining))}")
        say(f"when they do: {heal(hands.plan)}")


def _leave_partial(hands: LeaseSession, record: Recorder, rollout: Rollout, seconds: float) -> NoReturn:
    """No more hosts than may fail do not run it. It serves; the environment is not called healthy until they do."""
    plan, bad = hands.plan, {one.host: one for one in rollout.lagging}
    hosts = [host for host in rollout.hosts if host.id in bad]
    there = len(rollout.present) - len(rollout.joining)
    why = listed([f"{host.name} ({host.id}): {bad[host.id].reason or bad[host.id].outcome}" for host in hosts], 20)
    reason = f"{len(bad)} of {there} hosts do not run it"
    ids = {"stragglers": sorted(bad), "gone": sorted(host.id for host in rollout.gone)}
    hands.hold_still()
    replaced = _replaced(plan, rollout.here)
    record.add("partial", reason=reason, replaced=replaced, hosts=rollout.here, seconds=seconds, **ids)
    point(hands.app, _pointer(hands))
    state = what_serves(rollout.hosts, (*rollout.here, *(one for one in bad.values() if one not in rollout.here)))
    if rollout.stop == INTERRUPTED:
        raise Interrupted(f"Interrupted: {reason}.", state=state, remedy=f"Go on: {heal(plan)}")
    raise Incomplete(
        f"{plan.artifact_id} serves on {there - len(bad)} of {there} hosts of {plan.environment}; not on {why}.",
        state=state,
        remedy=f"Find out what ails them, and bring them to it: {heal(plan)}",
        evidence=evidence(plan, list(bad.values())),
    )


def _undo(hands: LeaseSession, record: Recorder, rollout: Rollout, seconds: float) -> NoReturn:
    """Put back what was changed, record it, and raise why."""
    plan, reports = hands.plan, rollout.here
    hands.app.screen.warn(f"stopped: {rollout.stop}")
    try:
        final = put_back(hands, rollout)
    except (KeyboardInterrupt, TagshipError) as reason:
        record.add("failed", reason=f"putting back was cut short: {reason}", hosts=reports, seconds=seconds)
        raise cut_short(hands, reports, reason) from reason
    hands.hold_still()
    end = ending(plan, reports, final, rollout.stop)
    if end.kind == "held":
        record.add("abandoned", reason=end.reason, hosts=final, seconds=seconds)
    else:
        record.add("failed", reason=end.reason, hosts=reports, seconds=seconds, evidence=end.evidence)
        last = "rollback-failed" if end.kind == "lost" else "rolled-back"
        record.add(last, reason=end.reason, hosts=final, seconds=seconds)
    if rollout.stop == INTERRUPTED and end.kind != "lost":
        what = f"Interrupted: {plan.artifact_id} was taken back from {len(rollout.changed)} of {rollout.total} hosts."
        raise Interrupted(what, state=what_serves(plan.hosts, final), remedy=f"Run it again: {again(plan)}")
    raise failure(plan, end, final)


def _record_healthy(record: Recorder, plan: Plan, reports: Sequence[Report], seconds: float) -> None:
    try:
        record.add("healthy", replaced=_replaced(plan, reports), hosts=reports, seconds=seconds)
    except ServiceFailed as reason:
        raise ServiceFailed(
            f"{plan.artifact_id} is healthy on {plan.environment}, but the ledger could not be told: {reason.what}",
            state=what_serves(plan.hosts, reports),
            remedy=f"Recorder it by doing it again, which changes nothing on the hosts: {again(plan)}",
        ) from reason


def _replaced(plan: Plan, reports: Sequence[Report]) -> str:
    """What was replaced, by the hosts' own word first."""
    told = [one.previous for one in reports if one.outcome == "healthy" and one.previous not in {"", plan.artifact_id}]
    return told[0] if told else plan.replaces


def _pointer(hands: LeaseSession) -> Pointer:
    """What hosts that boot from now on have to run."""
    plan, chosen = hands.plan, hands.app.settings.environment(hands.plan.environment)
    hosts = chosen.runs_on(Ec2)
    return Pointer(
        app=hands.app.settings.app,
        environment=plan.environment,
        artifact=plan.artifact_id,
        manifest_sha256=plan.manifest_sha256,
        deployment=hands.deployment_id,
        fence=hands.lease.fence,
        numbers=hosts.numbers(chosen.health) if hosts else "",
    )


def _named(hosts: Sequence[Unit]) -> list[str]:
    return [f"{host.name} ({host.id})" for host in hosts]
