"""Which published actions the sandbox's runner simulates, by name, version and input; no other. Pure.

An action is named by its major (`@v7`), by a tag of it (`@v7.0.1`), or by a commit. Of a commit nothing here can say
which version it is, so it is one of those below, or the comment behind it says so, as linters of workflows demand:
`uses: actions/checkout@<commit> # v7.0.1`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.workflow import Step

TAG = re.compile(r"v(\d+)(?:\.\d+)*")
COMMIT = re.compile(r"[0-9a-f]{40}")
ANY = "*"

# The commits that our workflows and those of `init` pin.
COMMITS = {
    "3d3c42e5aac5ba805825da76410c181273ba90b1": ("actions/checkout", "v7.0.1"),
    "5fda3b95a4ea91299a34e894583c3862153e4b97": ("actions/setup-python", "v7.0.0"),
    "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f": ("actions/upload-artifact", "v7.0.0"),
    "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c": ("actions/download-artifact", "v8.0.1"),
    "e6de054238d6b7531b4efff3b6587d9aade6a06c": ("aws-actions/configure-aws-credentials", "v6.2.3"),
    "a2bbfa25375fe432b6a289bc6b6cd05ecd0c4c32": ("actions/attest-build-provenance", "v4.1.0"),
    "dfe3c3f87815947d99a8997f908cb6525fc44e9e": ("hashicorp/setup-terraform", "v4.0.1"),
}


@dataclass(frozen=True)
class Action:
    """A published action: its majors and its inputs.

    `obeyed` are the inputs that the sandbox does what they say of; `ignored` are those that change nothing here.
    """

    name: str
    majors: range
    obeyed: str = ""
    ignored: str = ""

    @property
    def versions(self) -> str:
        """Name its majors, such as `v4 to v7`."""
        return f"v{self.majors[0]} to v{self.majors[-1]}" if len(self.majors) > 1 else f"v{self.majors[0]}"

    def unknown(self, given: Collection[str]) -> list[str]:
        """List the inputs that the sandbox does not know."""
        known = {*self.obeyed.split(), *self.ignored.split()}
        return [] if ANY in known else sorted(set(given) - known)


ACTIONS = {
    action.name: action
    for action in (
        Action("actions/checkout", range(4, 8), "fetch-depth ref", "persist-credentials clean show-progress token"),
        Action("actions/setup-python", range(5, 8), "python-version", "cache cache-dependency-path check-latest"),
        Action("actions/setup-node", range(4, 7), "node-version", "cache cache-dependency-path check-latest"),
        Action("actions/cache", range(4, 6), "", ANY),
        Action(
            "actions/upload-artifact",
            range(4, 8),
            "name path include-hidden-files if-no-files-found",
            "retention-days compression-level",
        ),
        Action("actions/download-artifact", range(4, 9), "name path"),
        Action("actions/attest-build-provenance", range(2, 5), "subject-path subject-checksums"),
        Action("aws-actions/configure-aws-credentials", range(4, 7), "aws-region role-to-assume", ANY),
        Action("aws-actions/amazon-ecr-login", range(2, 3), "", ANY),
        Action("docker/login-action", range(3, 5), "", ANY),
        Action("docker/setup-buildx-action", range(3, 5), "", ANY),
        Action("docker/setup-qemu-action", range(3, 5), "", ANY),
        Action("hashicorp/setup-terraform", range(3, 5), "terraform_version", "terraform_wrapper"),
    )
}


def action_of(step: Step) -> Action:
    """Find the action that a step uses. Raises NotUnderstood."""
    name, _, ref = step.uses.partition("@")
    action = ACTIONS.get(name.lower())
    if action is None:
        raise NotUnderstood(
            f"the sandbox's runner does not know the action {step.uses}, and passes over none. It knows "
            f"{', '.join(ACTIONS)}. Do that with `run:`, or take the step out of what a tag starts."
        )
    major = _major(action, ref, step.version)
    if major not in action.majors:
        raise NotUnderstood(f"{step.uses}: the sandbox's runner knows {action.versions} of it. Use one of these.")
    for name in action.unknown(step.given):
        raise NotUnderstood(f"{step.uses}: the input {name!r} is not simulated. Take it out, or do that with `run:`.")
    return action


def _major(action: Action, ref: str, comment: str) -> int:
    """Read the major of a tag, or of a commit. Raises NotUnderstood."""
    if COMMIT.fullmatch(ref):
        owner, version = COMMITS.get(ref, (action.name, comment))
        _require_true(action, ref, owner, version, comment)
    else:
        version = ref
    tag = TAG.fullmatch(version)
    if tag is None:
        raise NotUnderstood(
            f"{action.name}@{ref}: nothing says which version that is. Use {action.versions} of it, "
            f"or a commit with its version behind it: # v{action.majors[-1]}.0.0"
        )
    return int(tag[1])


def _require_true(action: Action, ref: str, owner: str, version: str, comment: str) -> None:
    if owner != action.name:
        raise NotUnderstood(f"{action.name}@{ref}: that commit is {owner}'s, so GitHub finds no such action.")
    if comment and not (version == comment or version.startswith(f"{comment}.")):
        raise NotUnderstood(f"{action.name}@{ref} is {version}, and the comment behind it says {comment}.")
