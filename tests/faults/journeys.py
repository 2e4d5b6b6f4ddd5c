"""What is run with a fault at each of its outside calls. A new verb joins by one line in JOURNEYS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import worlds
from tests.faults.ground import Environment

KINDS = ("killed before", "killed after", "error before", "answer lost", "answer lost once", "stalled", "throttled")


@dataclass(frozen=True)
class Journey:
    """A verb as it is typed, or as CI types it.

    {new}, {old}, {env} and {source} stand for versions, the environment, and the one before it.
    `before` is how far the new version has come when it begins: committed | tagged | bundled | published | deployed.
    `serves` is what the environment runs after it has succeeded, and {old} what served before the new version came.
    `hosts`: the hosts act in it, and each of their steps is a row too. `world` is what else is so when it begins, and
    `reached` what else has to be so at its end.
    """

    words: str
    before: str
    serves: str = "{old}"
    ci: bool = False
    hosts: bool = False
    world: Callable[[Environment], None] = lambda _: None
    reached: Callable[[Environment], bool] = lambda _: True

    def begin(self, here: Environment, *, slow: bool) -> None:
        """Bring the environment to where the journey begins; what an earlier one froze or held is free again.

        Otherwise the first call of a journey would be what it does about a dead runner, which no later case has left.
        """
        worlds.thawed(here)
        worlds.free(here)
        here.advance(self.before, slow=slow)
        self.world(here)


JOURNEYS = {
    "deploy-dev": Journey("deploy-dev --env {env} --yes", "committed", serves="{new}"),
    "validate": Journey("validate", "tagged", ci=True),
    "build": Journey("build", "tagged", ci=True),
    "bundle": Journey("bundle", "tagged", ci=True),
    "publish": Journey("publish", "bundled", ci=True),
    "deploy": Journey("deploy --artifact {new}", "published", serves="{new}", hosts=True),
    "verify": Journey("verify", "deployed", serves="{new}", ci=True),
    "notify": Journey("notify", "deployed", serves="{new}", ci=True),
    "rollback": Journey("rollback --to {old}", "deployed", serves="{old}", hosts=True),
    "rollback --freeze": Journey(
        "rollback --to {old} --freeze 1h", "deployed", world=worlds.thawed, reached=worlds.is_frozen
    ),
    "heal": Journey("heal --env {env}", "published", serves="{new}", hosts=True, world=worlds.lagging),
    "resume": Journey("resume --env {env}", "published", serves="{new}", world=worlds.orphaned),
    "tag": Journey("tag --env {env} --version {new} --yes", "committed", reached=worlds.is_tagged),
    "tag-undo": Journey("tag-undo --version {new} --yes", "committed", world=worlds.tagged, reached=worlds.is_untagged),
    "freeze": Journey(
        "freeze --env {env} --until 8h --reason sale", "committed", world=worlds.thawed, reached=worlds.is_frozen
    ),
    "thaw": Journey("thaw --env {env}", "committed", world=worlds.frozen, reached=worlds.is_thawed),
    "unlock": Journey("unlock --env {env} --id {dead}", "committed", world=worlds.held, reached=worlds.is_free),
    "mark-bad": Journey("mark-bad --version {new} --reason broken", "published", reached=worlds.is_bad),
    "mark-good": Journey(
        "mark-good --version {new} --reason mended", "published", world=worlds.marked, reached=worlds.is_good
    ),
    "promote": Journey(
        "promote --from {source} --to {env} --version {new} --yes",
        "committed",
        serves="{new}",
        world=worlds.promotable,
        reached=worlds.is_promoted,
    ),
    "infra": Journey("infra --version {new}", "published", world=worlds.unapplied, reached=worlds.is_applied),
}

LOOKS_ONLY = "it changes nothing outside"
ELSEWHERE = {  # verbs without a journey, and why
    **dict.fromkeys(
        (
            "status",
            "history",
            "lock",
            "versions",
            "why-not",
            "user-data",
            "infra.lock",
            "doctor",
            "sbom",
            "metrics",
            "logs",
            "watch",
            "report",
        ),
        LOOKS_ONLY,
    ),
    "drill": "it only looks, or runs `rollback` twice: tests/unit/verbs/test_drill.py",
    "shell": "a person's: what is done in it, tagship does not know: tests/unit/verbs/test_shell.py",
    "setup": "its stacks and keys are the account's: tests/unit/verbs/test_setup.py, tests/journeys/test_setup.py",
    "adopt": "what it changes is on hosts alone: tests/unit/verbs/test_adopt.py, tests/host/test_adopt.py",
    "pin": "what it changes is on hosts alone: tests/unit/verbs/test_pin.py, tests/journeys/test_keys.py",
    "continue": "it answers a hook of ECS, whose id is good for one pause: tests/kinds/test_services_pausing.py",
    "cleanup": "it deletes, which a crash leaves to the next time: tests/unit/verbs/test_cleanup.py",
    "preview.close": "it is killed at every step of its own: tests/unit/verbs/test_previews_killed.py",
    "preview.sweep": "it closes previews: tests/unit/verbs/test_previews_killed.py",
    "resign": "it adds signatures, each written once: tests/unit/verbs/test_resign.py, tests/journeys/test_keys.py",
    "tested": "one record, written once: tests/unit/verbs/test_promote.py",
    "init": "it writes files of the repository: tests/unit/verbs/test_init.py",
    "eject": "it writes files of the repository: tests/unit/verbs/test_eject.py",
    "infra.plan": "it stores a plan at most, once for its bytes: tests/unit/verbs/test_infra_plan.py",
    "infra.unlock": "it needs Terraform's own lock: tests/terraform",
    "sandbox": "it is what the journeys run on: tests/sandbox",
    "demo": "it is a sandbox's story: scripts/transcript",
}

STEPS = ("host step ", "host aws ")
NETWORK = ("git fetch", "git push", "git ls-remote")


def applies(call: str, kind: str, last: bool = False) -> bool:
    """Whether a call can have a fault: a local program is throttled by nobody, and a step on a host has no answer."""
    if call.startswith("host step"):
        return kind in {"killed before", "stalled"} or (kind == "killed after" and not last)
    if call.startswith("host aws"):
        return kind in {"killed before", "killed after", "error before", "answer lost", "stalled"}
    if call.startswith("git"):
        return kind != "answer lost once" and (kind != "throttled" or call.startswith(NETWORK))
    return kind != "answer lost once" or not call.startswith("github")
