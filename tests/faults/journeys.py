"""What is run with a fault at each of its outside calls. A new verb joins by one line in JOURNEYS."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("killed before", "killed after", "error before", "answer lost", "answer lost once", "stalled", "throttled")


@dataclass(frozen=True)
class Journey:
    """A verb as it is typed, or as CI types it. {new}, {old} and {env} stand for versions and the environment.

    `before` is how far the new version has come when it begins: committed | tagged | bundled | published | deployed.
    `serves` is what the environment runs after it has succeeded, and {old} what served before the new version came.
    `hosts`: the hosts act in it, and each of their steps is a row too.
    """

    words: str
    before: str
    serves: str = "{old}"
    ci: bool = False
    hosts: bool = False


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
