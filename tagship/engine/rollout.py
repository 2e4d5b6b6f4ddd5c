"""An artifact through a fleet, and back: a batch, the hosts that there are by then, the next batch.

tagship.domain.rollout decides; here is what it takes to ask. Nothing is sent but through the lease's hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tagship.domain import rollout as fleet
from tagship.domain.deployment import Deployment
from tagship.domain.plan import Plan
from tagship.domain.rollout import Rollout, Rules, Step, conclusion, next_step
from tagship.domain.text import listed
from tagship.domain.units import Operation, Report, Unit
from tagship.domain.verdict import serves
from tagship.engine.plan import manifest_sha256
from tagship.engine.recorder import Recorder
from tagship.engine.session import LeaseSession, ask_what_runs
from tagship.errors import ArtifactError, LeaseLost, Refused, ServiceFailed, TagshipError
from tagship.ports.app import App

SKEW = timedelta(hours=2)  # that a dead runner's clock may have been ahead of SSM's


def rules_for(app: App, plan: Plan) -> Rules:
    """The settings' rules for this plan.

    A rollback is urgent and goes to a version that ran here: it has batches and an error limit, and no canary. A heal
    tries every host once: one that cannot be mended is no reason to leave the others as they are.
    """
    rules = app.settings.environment(plan.environment).target.rules
    if plan.heals:
        return Rules(rules.concurrency, "100%")
    return rules if plan.action == "deploy" else replace(rules, canary=False)


def roll_out(hands: LeaseSession, so_far: Rollout | None = None) -> Rollout:
    """The plan's order to every host, those included that join meanwhile; then every host is asked what it runs.

    `so_far` is a rollout that somebody else began: its hosts that were told are not told again.

    Raises what goes wrong before a host was told anything, or while hosts act, or when the lease is lost. Between two
    batches it is a reason to stop instead (`stop`): what was changed can then be put back.
    """
    plan, rules = hands.plan, rules_for(hands.app, hands.plan)
    rollout = so_far or Rollout.begin(plan.artifact_id, plan.hosts, plan.others)
    while True:
        step = next_step(rules, rollout)
        try:
            if step.stop:
                return rollout.stopped(step.stop)
            if not step.hosts:
                return _looked_at(hands, rules, rollout)
            _announce(hands.app, rules, rollout, step)
            rollout = rollout.heard(hands.ask(hands.order(plan.action), step.hosts))
            if step.canary and rules.bake:
                rollout = rollout.asked(_baked(hands, rules.bake, step.hosts))
            rollout = rollout.seen(_present(hands, rollout))
        except KeyboardInterrupt:
            if hands.in_flight or not rollout.reports:
                raise
            rollout = rollout.stopped(fleet.INTERRUPTED)
        except TagshipError as reason:
            if hands.in_flight or isinstance(reason, LeaseLost) or not rollout.reports:
                raise
            rollout = rollout.stopped(reason.what)


def taken_up(hands: LeaseSession, record: Recorder, dead: Deployment) -> Rollout:
    """How far a deployment came whose runner died: what its commands came to, and what each of those hosts runs now.

    Hosts that were told nothing are left to be told. Where putting back had begun, nothing more is rolled out.
    """
    plan = hands.plan
    sent = hands.target.sent_for(dead.id, datetime.fromisoformat(dead.first.at) - SKEW)
    ours = [one for one in sent if (one.action, one.artifact_id) == (plan.action, plan.artifact_id)]
    rollout = Rollout.begin(plan.artifact_id, plan.hosts, plan.others)
    told = {host for one in ours for host in one.hosts}
    hosts = [host for host in plan.hosts if host.id in told]
    _say_how_far(hands.app, ours, hosts, len(plan.hosts))
    if hosts:
        commands = [one.command for one in ours]
        record.started(commands)
        rollout = rollout.heard(hands.take_up(commands, plan.artifact_id, hosts))
        rollout = rollout.asked(_said(hands, [host for host in hosts if host.online]))
    if dead.state == "failed" or len(sent) > len(ours):
        return rollout.stopped(dead.last.reason or "it was being put back when its runner died")
    return rollout


def _say_how_far(app: App, ours: Sequence[Operation], hosts: Sequence[Unit], total: int) -> None:
    if not hosts:
        app.screen.say("no host was told anything: it begins now")
        return
    commands = listed([one.command for one in ours])
    app.screen.say(f"{len(hosts)} of {total} hosts were told (SSM command {commands}): nothing is sent to them again")


def _announce(app: App, rules: Rules, rollout: Rollout, step: Step) -> None:
    if len(step.hosts) == rollout.total:
        return
    done = f"{len(rollout.reports)} of {rollout.total} done"
    if step.canary:
        app.screen.say(f"the canary {step.hosts[0].name} goes first" + (f", for {rules.bake} s" if rules.bake else ""))
    else:
        app.screen.say(f"next: {listed([host.name for host in step.hosts], 4)} ({done})")


def _baked(hands: LeaseSession, seconds: int, canary: Sequence[Unit]) -> list[Report]:
    """Leave the canary to itself for a while, and then ask whether it still runs it."""
    clock = hands.app.clock
    until = clock.now() + timedelta(seconds=seconds)
    while (left := (until - clock.now()).total_seconds()) > 0:
        hands.beat(f"watching the canary {canary[0].name} until {until:%H:%M:%S} UTC")
        clock.sleep(min(1.0, left))
    return _said(hands, canary)


def _present(hands: LeaseSession, rollout: Rollout) -> Sequence[Unit]:
    """The hosts that there are now. Where AWS does not say, the ones there were: the next order will show."""
    try:
        return hands.target.hosts()
    except Refused:
        return ()
    except ServiceFailed as reason:
        hands.app.screen.warn(f"whether hosts have joined or left is not known: {reason.what}")
        return rollout.present


def _looked_at(hands: LeaseSession, rules: Rules, rollout: Rollout) -> Rollout:
    """Every host is asked what it runs, and its answer compared.

    A host that is the only one has just said it, in its verdict. Where nobody can be asked, the verdicts count.
    """
    there = [host for host in rollout.present if host.online]
    if rollout.total > 1:
        hands.beat(f"asking {len(there)} hosts what they run")
        try:
            rollout = rollout.asked(_said(hands, there))
        except LeaseLost:
            raise
        except ServiceFailed as reason:
            hands.app.screen.warn(f"the hosts could not be asked again what they run: {reason.what}")
    return rollout.stopped(conclusion(rules, rollout))


def _said(hands: LeaseSession, hosts: Sequence[Unit]) -> list[Report]:
    """What hosts say that they run; a host that said nothing is asked once more."""
    environment = hands.plan.environment
    said = {one.host: one for one in ask_what_runs(hands.app, environment, hosts, hands.beat)}
    again = [host for host in hosts if said[host.id].outcome == "silent"]
    said.update({one.host: one for one in ask_what_runs(hands.app, environment, again, hands.beat)})
    return list(said.values())


# -- and back ----------------------------------------------------------------------------------------------------------


def put_back(hands: LeaseSession, rollout: Rollout) -> list[Report]:
    """Each changed host to what it ran before, the last one first; returns the last word of every host still there."""
    app, rules = hands.app, rules_for(hands.app, hands.plan)
    by_id = {host.id: host for host in rollout.hosts}
    final = {one.host: one for one in rollout.here}
    for back in fleet.put_back(rules, rollout):
        hosts = [by_id[one] for one in back.hosts]
        app.screen.say(f"putting {back.artifact_id} back on {listed([host.name for host in hosts], 4)}")
        final.update({one.host: one for one in _back_to(hands, back.artifact_id, hosts)})
    if any(one.outcome == "rollback-failed" for one in final.values()):
        there = {host.id for host in _present(hands, rollout)}  # one that left meanwhile has not failed
        return [one for one in final.values() if one.host in there]
    return list(final.values())


def _back_to(hands: LeaseSession, previous: str, hosts: Sequence[Unit]) -> list[Report]:
    """A rollback order to hosts that ran `previous`; whatever does not serve it afterwards is `rollback-failed`."""
    try:
        digest = manifest_sha256(hands.app, hands.plan.environment, previous)
    except ArtifactError as reason:
        return [Report(one.id, "rollback-failed", previous=previous, reason=reason.what) for one in hosts]
    reports = hands.ask(hands.order("rollback", previous, digest), hosts)
    return [one if serves(one, previous) else replace(one, outcome="rollback-failed") for one in reports]
