"""`tag-undo`: take a tag of one's own back, here and on the remote, if it is unused and the one that was looked at.

A version that was published, deployed or serves keeps its tag: its bytes are out under that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tagship.domain import commands, release
from tagship.domain.text import either
from tagship.domain.version import Version, candidates
from tagship.errors import UNCHANGED, Interrupted, Refused, ServiceFailed, SettingsError, TagshipError, UsageError
from tagship.ports.app import App
from tagship.ports.repository import Tag
from tagship.release.recorded import Recorded, recorded


@dataclass(frozen=True)
class Undone:
    """How it ended (planned | undone), and the commands that it took."""

    outcome: str
    version: Version
    commands: Sequence[str]

    def as_data(self) -> dict[str, object]:
        return {"outcome": self.outcome, "version": str(self.version), "commands": list(self.commands)}


def tag_undo(app: App, *, version: str = "", yes: bool = False, dry_run: bool = False) -> Undone:
    """Delete a tag of one's own, here and on the remote.

    The remote's goes by a lease on the very object that was looked at.
    """
    if not version:
        raise UsageError("Which tag?", remedy=f"See the tags: {commands.versions()}")
    wanted = Version.parse(version)
    name = app.settings.tag(wanted)
    local, remote = app.repository.tag(str(wanted)), app.repository.remote_tag(str(wanted))
    tags = [tag for tag in (remote, local) if tag]
    if not tags:
        raise Refused(
            f"There is no tag {name}, here or on {app.settings.git.remote}.",
            remedy=f"See the tags: {commands.versions()}",
        )
    _require_own(app, tags)
    _require_unused(app, wanted, on_remote=remote is not None)
    steps = _commands(app, local, remote)
    for step in steps:
        app.screen.say(f"  {step}")
    if dry_run:
        app.screen.say("Nothing was changed.")
        return Undone("planned", wanted, steps)
    _confirm(app, wanted, yes)
    if remote:
        _delete_there(app, remote)
    if local and not app.repository.delete_tag(local):
        raise _left_here(app, local, remote)
    app.screen.say(f"The tag {name} is gone.")
    return Undone("undone", wanted, steps)


def _require_own(app: App, tags: Sequence[Tag]) -> None:
    me = app.repository.me()
    for tag in tags:
        if not tag.tagger or release.mail(tag.tagger) != release.mail(me):
            whose = f"{tag.tagger}'s" if tag.tagger else "a lightweight tag, which names no author"
            raise Refused(f"{tag.name} is {whose}; you are {me}.", remedy=f"Ask them, or look: git show {tag.name}")


def _require_unused(app: App, version: Version, *, on_remote: bool) -> None:
    """Refuse a version that was published or deployed.

    As far as ledger, bucket or CI can be asked.
    """
    for environment in _environments(app, version):
        known = recorded(app, environment)
        if reason := known.why_spent(str(version)):
            raise _used(environment, version, reason, known)
        if not known.asked and on_remote:
            _require_no_run(app, environment, version, known.problem)


def _environments(app: App, version: Version) -> list[str]:
    """List the environments whose channel it is.

    None for a suffix that no environment has.
    """
    return [name for name in app.settings.environments if app.settings.suffix(name) == version.suffix]


def _used(environment: str, version: Version, reason: str, known: Recorded) -> Refused:
    serving = known.serving
    state = f"{environment} runs {serving.artifact_id}." if serving else "Nothing was changed."
    number = next(iter(candidates(max([version, *known.spent(version.suffix)]), version.suffix).values()))
    ways = [f"Ship the right commit under the next number: {commands.deploy_dev(environment, version=str(number))}"]
    if serving and serving.artifact_id == str(version):
        ways.insert(0, f"Go back to another version: {commands.rollback(environment=environment)}")
    return Refused(f"{version} keeps its tag: {reason}.", state=state, remedy=either(*ways))


def _require_no_run(app: App, environment: str, version: Version, why_not: str) -> None:
    """Refuse if CI ran for the version; warn if nobody was asked.

    Without the ledger, a run of CI is reason enough.
    """
    try:
        run = app.forge.find_tag_run(app.settings.tag(version)) if app.forge else None
        asked = app.forge is not None
    except SettingsError:
        raise
    except TagshipError as reason:
        run, asked, why_not = None, False, f"{why_not}; {reason.what.rstrip('.')}"
    if run:
        number = next(iter(candidates(version, version.suffix).values()))
        raise Refused(
            f"CI ran for {version} ({run.url}): it may be published, which can't be asked from here ({why_not}).",
            remedy=either(
                f"With AWS credentials: {commands.tag_undo(str(version))}",
                f"Or leave the tag, and ship the next: {commands.deploy_dev(environment, version=str(number))}",
            ),
        )
    if not asked:
        app.screen.warn(f"Could not ask whether {version} was published or deployed ({why_not}, and CI was not asked).")


def _commands(app: App, local: Tag | None, remote: Tag | None) -> list[str]:
    name = app.settings.git.remote
    steps = []
    if remote:
        ref = f"refs/tags/{remote.name}"
        steps.append(f"git push --no-follow-tags --force-with-lease={ref}:{remote.oid} {name} :{ref}")
    if local:
        steps.append(f"git update-ref -d refs/tags/{local.name} {local.oid}")
    return steps


def _confirm(app: App, version: Version, yes: bool) -> None:
    if yes:
        return
    name = str(version)
    if not app.prompt.possible:
        raise UsageError(
            "There is no terminal to ask at, and no --yes was given.",
            remedy=f"Say it: {commands.tag_undo(name, yes=True)}",
        )
    if not app.prompt.confirm(f"Delete {app.settings.tag(version)}?"):
        raise Interrupted("Not confirmed.", remedy=f"When it is time: {commands.tag_undo(name)}")


def _is_there(app: App, tag: Tag, reason: BaseException) -> bool:
    """Tell whether the remote still has the tag, after all."""
    try:
        remote_tag = app.repository.remote_tag(tag.version)
    except (TagshipError, KeyboardInterrupt) as silence:
        state = f"Can't tell whether {app.settings.git.remote} still has {tag.name}; no local tag was deleted."
        raise _cut_off(app, tag, reason, state) from silence
    return remote_tag is not None and remote_tag.oid == tag.oid


def _cut_off(app: App, tag: Tag, reason: BaseException, state: str) -> TagshipError:
    """Build the error of a remote deletion that was cut off."""
    again = f"Then: {commands.tag_undo(tag.version, yes=True)}"
    remedy = either(f"Ask it: git ls-remote {app.settings.git.remote} refs/tags/{tag.name}", again)
    if isinstance(reason, ServiceFailed):
        return ServiceFailed(reason.what, state=state, remedy=remedy, evidence=reason.evidence)
    return Interrupted(f"Interrupted while {app.settings.git.remote} deleted {tag.name}.", state=state, remedy=remedy)


def _left_here(app: App, local: Tag, remote: Tag | None) -> Refused:
    """Build the error of a local tag that git did not delete."""
    gone = f"{app.settings.git.remote} no longer has {local.name}; this clone still has it." if remote else UNCHANGED
    return Refused(
        f"Git did not delete {local.name} here.", state=gone, remedy=f"Delete it: git tag --delete {local.name}"
    )


def _delete_there(app: App, tag: Tag) -> None:
    try:
        answer = app.repository.undo(tag)
    except (ServiceFailed, KeyboardInterrupt) as reason:
        if _is_there(app, tag, reason):
            raise _cut_off(app, tag, reason, f"{app.settings.git.remote} still has {tag.name}.") from reason
        app.screen.warn(f"{app.settings.git.remote} did not answer to the end, but no longer has {tag.name}")
        return
    if not answer.ok:
        why = "; ".join([*answer.rejected.values(), *answer.said]) or answer.message
        raise Refused(
            f"{app.settings.git.remote} did not delete {tag.name}: {why.rstrip('.')}.",
            state=answer.state or "Nothing was changed.",
            remedy=f"Look at it again: {commands.tag_undo(tag.version)} --dry-run",
        )
