"""`setup`: make what an account needs before anything can be shipped to it, and bring it up to date later.

In order: the stack of the app (bucket, signing key, image repository, GitHub's provider), the public half of the key in
the repository, a stack for each environment (the role of its GitHub jobs, the role of its hosts), and the SSM document
that hosts obey. What the account had before is used as it is. A second run finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tagship.account.desired import (
    ASK_NUMBERS,
    Change,
    Wanted,
    both,
    environment_stack,
    image_repository,
    look,
    look_at_documents,
)
from tagship.domain import foundation
from tagship.domain.foundation import Stack, same_document, stack_name
from tagship.errors import ServiceFailed
from tagship.ports.app import App


@dataclass(frozen=True)
class Prepared:
    """What setup did, or would do; `outputs` by stack."""

    done: bool
    changes: Sequence[Change]
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def as_data(self) -> dict[str, object]:
        changes = [one.as_data() for one in self.changes]
        return {"done": self.done, "changes": changes, "outputs": {k: dict(v) for k, v in self.outputs.items()}}


def setup(
    app: App, *, owner_id: str = "", repository_id: str = "", document_only: bool = False, dry_run: bool = False
) -> Prepared:
    """Make and update what the account needs; see the module. `document_only`: the SSM document and nothing else.

    `owner_id` and `repository_id` are GitHub's numbers, which name a repository created from 2026-07-15 in its tokens;
    in CI, the run's own.
    """
    numbers = both(owner_id or app.ci.owner_id, repository_id or app.ci.repository_id)
    wanted = look_at_documents(app) if document_only else look(app, numbers)
    _show(app, wanted, in_full=dry_run)
    if dry_run or all(one.same for one in wanted.changes):
        return Prepared(not dry_run, wanted.changes, {} if document_only else _outputs(app))
    _act(app, wanted, numbers, document_only)
    again = look_at_documents(app) if document_only else look(app, numbers)
    _check_done(again)
    outputs = {} if document_only else _outputs(app)
    _show_outputs(app, outputs)
    return Prepared(True, wanted.changes, outputs)


def _check_done(again: Wanted) -> None:
    """Look again: what was just made is what was wanted."""
    left = [one.name for one in again.changes if not one.same]
    if left:
        raise ServiceFailed(
            f"AWS took the changes, and {', '.join(left)} still differs.",
            state="What was shown above was done.",
            remedy="See how: inv setup --dry-run",
        )


# -- doing it ----------------------------------------------------------------------------------------------------------


def _act(app: App, wanted: Wanted, numbers: tuple[str, str], document_only: bool) -> None:
    if not document_only:
        outputs = _put(app, wanted.shared, protect=True).outputs
        _write_key(app)
        for name in wanted.environments:
            _put(app, environment_stack(app, name, outputs, image_repository(app), numbers))
    for name, content in wanted.documents.items():
        there = app.foundation.document(name)
        if there is None or not same_document(there, content):
            app.screen.say(f"document {name}: version {app.foundation.put_document(name, content)} is the default")


def _put(app: App, stack: Stack, *, protect: bool = False) -> Stack:
    """The stack as it is wanted: left alone where it is."""
    there = app.foundation.stack(stack.name)
    if there and there.text == stack.text:
        return there
    made = app.foundation.put_stack(stack, protect=protect)
    app.screen.say(f"stack {stack.name}: done")
    return made


def _write_key(app: App) -> None:
    """Write the public key that the stack has just made; one that is there is the same (see _key_changes)."""
    signing = app.settings.signing
    if not signing or not signing.key.startswith("kms:") or app.settings.sandbox:
        return
    path = app.root / signing.public_key
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(app.foundation.public_key(signing.key), "utf-8")
    app.screen.say(f"wrote {signing.public_key}: commit it, hosts pin it")


# -- saying it ---------------------------------------------------------------------------------------------------------


def _show(app: App, wanted: Wanted, *, in_full: bool) -> None:
    """One line for each thing, and with `in_full` what differs of it."""
    for one in wanted.changes:
        app.screen.say(f"{one.word:6} {one.kind} {one.name}")
        if in_full and not one.same and one.there:
            for line in foundation.diff(one.name, one.there, one.wanted):
                app.screen.say(f"    {line}")
        elif in_full and not one.same:
            app.screen.say(f"    {len(one.wanted.splitlines())} lines, none of which is there")
    if wanted.shared.parameters.get("MakeBucket") == "no":
        _warn_of_bucket(app)
    fresh = [one for one in wanted.changes if one.kind == "stack" and not one.there]
    if fresh and not any(one.parameters["NumberedRepository"] for one in wanted.environments.values()):
        app.screen.say(
            "GitHub names a repository created from 2026-07-15 by its numbers too. If yours is one: "
            f"inv setup --owner-id <id> --repository-id <id> ({ASK_NUMBERS})"
        )
    if all(one.same for one in wanted.changes):
        app.screen.say("nothing to do")


def _warn_of_bucket(app: App) -> None:
    bucket = app.settings.aws.bucket
    gaps = app.foundation.bucket_gaps(bucket)
    if gaps:
        app.screen.warn(f"s3://{bucket} was there before, and is left as it is: {' and '.join(gaps)}")


def _outputs(app: App) -> dict[str, Mapping[str, str]]:
    names = [stack_name(app.settings.app), *(stack_name(app.settings.app, one) for one in app.settings.environments)]
    found = {name: app.foundation.stack(name) for name in names}
    return {name: stack.outputs for name, stack in found.items() if stack}


def _show_outputs(app: App, outputs: Mapping[str, Mapping[str, str]]) -> None:
    """What a person does next: GitHub's variables, and the profile of the hosts."""
    for name in app.settings.environments:
        told = outputs.get(stack_name(app.settings.app, name))
        if not told:
            continue
        app.screen.say(f"gh variable set AWS_ROLE_ARN --env {name} --body {told['CiRoleArn']}")
        app.screen.say(f"gh variable set AWS_REGION --env {name} --body {app.settings.aws.region}")
        app.screen.say(f"hosts of {name}: instance profile {told['HostProfile']}")
        app.screen.say(f"people of {name}, who deploy and roll back by hand: attach {told['PeoplePolicyArn']}")
