"""Hosts, and the right to change them: the orders they get, the lease that covers those, and what hosts answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from tagship.domain.ec2.order import Order
from tagship.domain.lease import LeaseRecord
from tagship.domain.plan import NOTHING, Plan
from tagship.domain.units import Report, Unit
from tagship.engine.acquire import acquire, stop_commands
from tagship.engine.heartbeat import Heartbeat
from tagship.errors import ServiceFailed, TagshipError, Unheard
from tagship.ports.app import App
from tagship.ports.target import Target

ANSWER_WITHIN = 60  # seconds that a host may take to say what it runs: one that hangs is not waited for longer


def an_order(
    app: App,
    environment: str,
    action: str,
    *,
    artifact_id: str = NOTHING,
    digest: str = NOTHING,
    deployment_id: str = NOTHING,
    fence: int = 0,
) -> Order:
    """An order to hosts of an environment, with what the settings say of it. A question has less time than an act."""
    chosen = app.settings.environment(environment)
    longest = chosen.target.longest
    return Order(
        action=action,
        app=app.settings.app,
        environment=environment,
        artifact_id=artifact_id,
        manifest_sha256=digest,
        deployment_id=deployment_id,
        fence=fence,
        bucket=app.settings.aws.bucket,
        region=app.settings.aws.region,
        timeout=min(longest, ANSWER_WITHIN) if action == "status" else longest,
        unsigned="allowed" if chosen.allow_unsigned else "refused",
    )


def ask_what_runs(app: App, environment: str, hosts: Sequence[Unit], phase: Callable[[str], None]) -> list[Report]:
    """Every host's own word for what it runs. It changes nothing: no lease, no fencing number."""
    if not hosts:
        return []
    target = app.target(environment)
    commands = target.send(an_order(app, environment, "status"), hosts)
    return list(target.collect(commands, hosts, phase))


def read_again(silent: Report, said: Report, artifact_id: str) -> Report:
    """The verdict of a host that gave none, by what it says it runs: healthy only if that is the artifact."""
    if said.outcome == "empty":
        return replace(silent, outcome="failed")
    if not said.good:
        return silent
    if said.serving == artifact_id:
        return replace(said, outcome="healthy", reason=silent.reason)
    reason = f"{silent.reason}; it says that it runs {said.serving}"
    return replace(said, outcome="failed", previous=said.serving, reason=reason, evidence=silent.evidence)


@dataclass
class LeaseSession:
    """The lease of one deployment, and the only way to its hosts: nothing is sent unless the lease is still ours.

    `in_flight` says that hosts may be acting: the lease is then not given back. `sent` is told the ids of commands once
    the lease has them, and before anything waits for them.
    """

    app: App
    plan: Plan
    target: Target
    heart: Heartbeat
    phase: Callable[[str], None] = lambda _: None
    sent: Callable[[Sequence[str]], None] = lambda _: None
    commands: tuple[str, ...] = ()
    in_flight: bool = False

    @property
    def lease(self) -> LeaseRecord:
        return self.heart.record

    @property
    def deployment_id(self) -> str:
        return self.lease.deployment_id

    @property
    def what_goes_on(self) -> str:
        """What hosts may be doing when nobody watches any more."""
        named = f"SSM command {', '.join(self.commands)}" if self.commands else "its command's id never came back"
        return f"The action on the hosts goes on ({named})"

    def order(self, action: str, artifact_id: str = "", digest: str = "") -> Order:
        """An order under this lease's fencing number; of the plan's own artifact unless another is named."""
        return an_order(
            self.app,
            self.plan.environment,
            action,
            artifact_id=artifact_id or self.plan.artifact_id,
            digest=digest or self.plan.manifest_sha256,
            deployment_id=self.deployment_id,
            fence=self.lease.fence,
        )

    def ask(self, order: Order, hosts: Sequence[Unit]) -> list[Report]:
        """Send an order and wait for every host; a host that gave no verdict is asked what it runs."""
        return self._heard(self._act(order, hosts), order.artifact_id, hosts)

    def take_up(self, commands: Sequence[str], artifact_id: str, hosts: Sequence[Unit]) -> list[Report]:
        """Wait for commands that were sent for this deployment before, by a runner that died; nothing is sent again.

        They carry the fencing number of that time. What hosts have taken up by now counts all the same.
        """
        self.in_flight, self.commands = True, tuple(commands)
        self.renew("taking up what was sent", self.commands)
        reports = list(self.target.collect(self.commands, hosts, self.beat))
        self.in_flight = False
        return self._heard(reports, artifact_id, hosts)

    def _heard(self, reports: list[Report], artifact_id: str, hosts: Sequence[Unit]) -> list[Report]:
        """The verdicts; a host that gave none is asked what it runs."""
        silent = [host for host, one in zip(hosts, reports, strict=True) if one.outcome == "silent"]
        if not silent:
            return reports
        said = {one.host: one for one in self._act(an_order(self.app, self.plan.environment, "status"), silent)}
        return [read_again(one, said[one.host], artifact_id) if one.host in said else one for one in reports]

    def _act(self, order: Order, hosts: Sequence[Unit]) -> list[Report]:
        """Each step is taken only while the lease is ours: LeaseLost comes before the order goes out."""
        self.renew(f"sending {order.action}")
        self.in_flight, self.commands = True, ()
        try:
            self.commands = tuple(self.target.send(order, hosts))
        except TagshipError as reason:
            self.in_flight = isinstance(reason, Unheard)  # whatever else `send` raises, no host was told anything
            raise
        self.renew(_acting(order), self.commands)
        if order.action != "status":
            self.sent(self.commands)
        reports = list(self.target.collect(self.commands, hosts, self.beat))
        self.in_flight = False
        return reports

    def beat(self, phase: str) -> None:
        """Called at each poll: shows the phase, and raises what the heart has found out since: LeaseLost above all."""
        self.phase(phase)
        self.heart.say(f"{self.plan.action} {self.plan.artifact_id}: {phase}")
        self.heart.check()

    def hold_still(self) -> None:
        """Raises LeaseLost: who has lost the lease has no last word. A bucket that is away fails the word itself."""
        with suppress(ServiceFailed):
            self.renew("recording how it ended")

    def renew(self, phase: str, commands: Sequence[str] = ()) -> None:
        self.heart.renew(phase, commands)
        self.phase(phase)


def _acting(order: Order) -> str:
    return "asking what runs" if order.action == "status" else f"{order.action} {order.artifact_id}: the hosts act"


@contextmanager
def hold_lease(
    app: App, plan: Plan, *, wait: float = 0, preempt: bool = False, resume: str = ""
) -> Iterator[LeaseSession]:
    """Hold the environment's lease. It is given back at the end, whatever the end, unless a command is in flight: then
    it expires, at once where it names that command. Who comes next asks what that came to before anything else.

    `wait` is how many seconds somebody else's is waited for; `preempt` fences its holder off, and ends what that has
    in flight; `resume` is the deployment whose runner died, which goes on under its own id.
    """
    taken = acquire(app, plan, wait=wait, preempt=preempt, resume=resume)
    heart = Heartbeat(app.leases, taken.record)
    hands = LeaseSession(app, plan, app.target(plan.environment), heart)
    heart.start()
    try:
        if taken.over and preempt:
            stop_commands(app, plan.environment, taken.over)
        yield hands
    finally:
        heart.stop()
        if not hands.in_flight:
            _end(app, hands.lease, app.leases.release)
        elif hands.commands:  # without an id: SSM may list what was sent only later, and that lease takes its time
            _end(app, hands.lease, app.leases.let_go)


def _end(app: App, lease: LeaseRecord, how: Callable[[LeaseRecord], None]) -> None:
    try:
        how(lease)
    except ServiceFailed as reason:
        app.screen.warn(f"the lease of {lease.environment} was not given back ({reason}): it expires in {lease.ttl} s")
