"""One case: a journey with one fault at one of its calls, then the obvious next command, and what must hold of both."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from tagship.domain.deployment import Deployment, serving
from tagship.engine.artifacts import verified_manifest
from tagship.errors import EXIT_CODES
from tests.faults import onhost
from tests.faults.facts import Facts, look
from tests.faults.ground import APP, TTL, Environment, Ran
from tests.faults.journeys import Journey, applies
from tests.faults.remedies import follow, is_an_end, next_lines
from tests.faults.sentences import Sight, untrue
from tests.faults.watch import Watch, version

HOLDS = ("deploy", "rollback", "resume", "heal")  # the verbs that can wait for a lease
LATEST = 6  # deployments, more than one case makes


class Red(AssertionError):
    """What did not hold."""


def check(good: object, what: str) -> None:
    if not good:
        raise Red(what)


def record(here: Environment, journey: Journey, folder: Path) -> list[str]:
    """Run a journey as it is; returns every outside call of it, in the order made, each once.

    A version that takes its time to start lets the lease's heart beat meanwhile.
    """
    folder.mkdir(parents=True)
    journey.begin(here, slow=journey.hosts)
    (here.host.root / "downloads").unlink(missing_ok=True)
    ran = here.inv(here.told(journey.words), folder, journey.ci)
    check(ran.code == 0, f"without a fault: {ran}")
    calls = list(dict.fromkeys((folder / "calls").read_text().splitlines())) if (folder / "calls").exists() else []
    if journey.hosts:
        beats = any(call.endswith("(heartbeat)") for call in calls)
        check(beats or journey.serves == "{old}", f"no heartbeat was seen: {calls}")  # going back may be too quick
        calls += onhost.calls(here.host.root, APP, latest(here).id)
    return calls


def latest(here: Environment) -> Deployment:
    return here.app.ledger.deployments(here.name, 1)[-1]


@dataclass(frozen=True)
class Cell:
    """One journey with one kind of fault at one of its calls. `following` is the step after a step on a host."""

    journey: Journey
    call: str
    kind: str
    following: str = ""

    @property
    def possible(self) -> bool:
        return applies(self.call, self.kind, last=not self.following)


def perform(here: Environment, cell: Cell, folder: Path) -> None:
    """Run it; raises Red."""
    journey = cell.journey
    journey.begin(here, slow=cell.call.endswith("(heartbeat)"))
    before, facts = _bytes(here), look(here)
    words = here.told(journey.words)
    wanted = journey.serves.format(new=here.new, old=here.old)
    allowed = {here.new, here.old}
    with Watch(here.host.port) as watch:
        ran = _faulted(here, cell, words, folder)
        _told_why(ran, cell.kind)
        _says_what_is_so(here, facts, ran)
        _nothing_half_visible(here, before)
        _ledger_knows(here)
        after = _recovered(here, cell, ran)
        _serves(here, wanted, after)
        check(journey.reached(here), f"it was not reached: {after}")
        _nothing_half_visible(here, before)
        _ledger_says(here, wanted)
        _lease_is_free(here)
    check(not watch.wrong, f"for a moment nothing answered: {watch.wrong[:1]} ({len(watch.wrong)} of {watch.asked})")
    check(set(watch.versions) <= allowed, f"another version answered: {watch.versions}")


def _faulted(here: Environment, cell: Cell, words: list[str], folder: Path) -> Ran:
    """The journey with its fault; a fault that was never reached is no case."""
    folder.mkdir(parents=True)
    if cell.call.startswith("host "):
        onhost.arm(here.host.root, cell.call, cell.kind, cell.following)
        ran = here.inv(words, None, cell.journey.ci)
        onhost.disarm(here.host.root)
        return ran
    (folder / "fault.json").write_text(json.dumps({"call": cell.call, "kind": cell.kind}))
    ran = here.inv(words, folder, cell.journey.ci)
    check((folder / "fired").exists(), f"the call was not made this time: {ran}")
    return ran


def _told_why(ran: Ran, kind: str) -> None:
    """A killed process says nothing; any other ends with a documented code, and an error names its next command."""
    if kind.startswith("killed") and ran.code == -9:
        return
    check(ran.code in set(EXIT_CODES) | {0}, f"an exit code that is none of ours: {ran}")
    check("tagship itself failed" not in ran.err and "Traceback" not in ran.err, f"a defect: {ran}")
    check(ran.code == 0 or (ran.now and ran.next), f"an error without a state or a next command: {ran}")


def _says_what_is_so(here: Environment, before: Facts, ran: Ran) -> None:
    """What an error says of how things are is compared with how they are."""
    if not ran.now:
        return
    check(here.quiet(), "a command on the host did not end")
    problem = untrue(ran.now, Sight(before, look(here), ran.out + ran.err))
    check(not problem, f"{problem} {ran}")


# -- what must hold ----------------------------------------------------------------------------------------------------


def _bytes(here: Environment) -> dict[str, str]:
    """Every object of every artifact of the environment, by its ETag."""
    return {one.key: one.etag for one in here.app.store.list(f"{APP}/{here.name}/")}


def _nothing_half_visible(here: Environment, before: dict[str, str]) -> None:
    """What was there is as it was; an artifact that can be seen can be verified, with its bundle."""
    app, now = here.app, _bytes(here)
    changed = [key for key, etag in before.items() if now.get(key) != etag]
    check(not changed, f"stored bytes were changed: {changed}")
    for key in now.keys() - before.keys():
        if key.endswith("/manifest.json"):
            verified_manifest(app, here.name, key.split("/")[-2])


def _ledger_knows(here: Environment) -> None:
    """No host has acted for a deployment that the ledger does not know of."""
    app = here.app
    known = {one.id for one in app.ledger.deployments(here.name, LATEST)}
    check(not app.ledger.unreadable(here.name), "the ledger has entries that cannot be read")
    acted = {one["deployment"] for one in onhost.journal(here.host.root, APP)} - {"none"}
    acted = {one for one in acted if one >= min(known, default="")}
    check(acted <= known, f"hosts acted for {acted - known}, and the ledger knows nothing of it")


def _ledger_says(here: Environment, wanted: str) -> None:
    history = here.app.ledger.deployments(here.name, LATEST)
    check(serving(history) == wanted, f"the ledger says that {serving(history)} runs, not {wanted}")
    check(history[-1].ended, f"the ledger leaves {history[-1].id} as {history[-1].state}")


def _lease_is_free(here: Environment) -> None:
    """Given back; or a dead one's, where the next command had nothing left to do and took none: that one expires."""
    _wait_for_its_lease(here)


def _serves(here: Environment, wanted: str, ran: Ran) -> None:
    check(here.quiet(), "a command on the host did not end")
    try:
        found = version(here.host.port)
    except OSError as reason:
        raise Red(f"nothing answers: {reason}; {ran}") from reason
    check(found == wanted, f"{found} serves, not {wanted}: {ran}")


# -- the next command --------------------------------------------------------------------------------------------------


def _recovered(here: Environment, cell: Cell, ran: Ran) -> Ran:
    """Type what the error says, until it is done.

    A killed process says nothing. After one, somebody either types the same again; or finds it dead by `status`, once
    its lease has expired.
    """
    if ran.code == 0:
        return ran
    ci = cell.journey.ci
    if not next_lines(ran.err):
        first, command = ran.typed, ran.typed
        if cell.kind == "killed before" and shlex.split(first)[1] in HOLDS:
            _wait_for_its_lease(here)
            command = f"inv status --env {here.name}"
        ran = here.type(command, ci)
        if command == first and is_an_end(ran):
            return ran
    last, typed = follow(here, ran, ci)
    check(
        last.code == 0 or is_an_end(last),
        f"the next command did not help: {' => '.join([ran.typed, *typed])}; {last}; at first: {ran}",
    )
    return last


def _wait_for_its_lease(here: Environment) -> None:
    """A dead one's lease frees itself: nobody renews it."""
    until = time.monotonic() + TTL * 2
    while time.monotonic() < until:
        seen = here.app.leases.look(here.name)
        if seen is None or not seen.held:
            return
        time.sleep(0.2)
    raise Red("the lease of a dead process does not expire")
