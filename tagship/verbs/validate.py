"""`validate`: whether this CI run deploys, what, where to, and why: the outputs that later jobs go by.

It needs no credentials and changes nothing. What cannot be deployed because somebody asked for something wrong is an
error; an event that deploys nothing is none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tagship.domain import commands
from tagship.domain.trigger import BOT, Trigger
from tagship.domain.version import ArtifactId, Version
from tagship.engine.previews import preview_number
from tagship.engine.promotion import before
from tagship.errors import Refused, TagshipError, UsageError
from tagship.ports.app import App

DEPLOYING = ("opened", "synchronize", "reopened")  # what happens to a pull request, and deploys its head


@dataclass(frozen=True)
class Outputs:
    """What later steps and jobs are given, a line each.

    `version` is an artifact id, a tag's or an untagged build's; `tag` is empty for the latter. `skip_build`: it is
    stored already. `approval`: somebody has to approve it, and if nobody has to, the environment has to run `after`.
    `should_close`: the environment was a pull request's that is closed.
    """

    should_deploy: bool
    environment: str = ""
    version: str = ""
    image_tag: str = ""
    tag: str = ""
    skip_build: bool = False
    commit: str = ""
    approval: bool = False
    after: str = ""
    should_close: bool = False
    reason: str = ""

    def lines(self) -> dict[str, str]:
        return {name: str(value).lower() if isinstance(value, bool) else value for name, value in asdict(self).items()}


def validate(app: App, *, artifact: str = "", env: str = "") -> Outputs:
    """Check what started the run, and say what it deploys.

    A pushed tag deploys its version; a pushed branch, or CI's success on it, its commit under an id of its own; a
    dispatch what it names; a pull request its head, to its own environment if there are previews. Without credentials
    nothing is asked of AWS.
    Raises UsageError when the tag is no version of a known channel, Refused when it is not an annotated tag on its
    channel's branch, or a dispatch asks for what is not on the environment's branch.
    """
    name = artifact or _own_tag(app)
    outputs = _checked(app, name, env) if name else _of_event(app, app.ci.trigger, env)
    for key, value in outputs.lines().items():
        app.screen.say(f"{key}={value}")
    app.ci.output(outputs.lines())
    return outputs


def _own_tag(app: App) -> str:
    """Return the version whose tag started the run.

    Raises UsageError for another app's tag.
    """
    names, tag = app.settings.tags.names, app.ci.tag
    if tag and not tag.startswith(names.prefix):
        raise UsageError(
            f"The tag {tag[:80]!r} does not belong to {app.settings.app}, whose tags begin with {names.prefix}.",
            remedy=f"Let the workflow start on such tags alone, on.push.tags: {names.of('*')}",
        )
    return tag.removeprefix(names.prefix)


def _of_event(app: App, trigger: Trigger, env: str) -> Outputs:
    """Decide for a run that no tag started."""
    if trigger.refusal or not trigger.event:
        return _nothing(trigger.refusal or "no tag set off this run, and --version names none")
    if trigger.event == "workflow_dispatch":
        return _dispatched(app, trigger, env or trigger.inputs.get("environment", ""))
    if trigger.pull:
        return _of_pull_request(app, trigger)
    environment, reason = _of_branch(app, trigger.branch, env)
    if reason:
        return _nothing(reason)
    if env and before(app, env) and trigger.event == "workflow_run":
        return _promoted(app, trigger, env)
    why = "was pushed to" if trigger.event == "push" else "passed CI on"
    return _built(app, trigger, environment, f"{trigger.commit[:8]} {why} {trigger.branch}")


def _of_pull_request(app: App, trigger: Trigger) -> Outputs:
    """Deploy a pull request's head, or close its environment."""
    environment, name = f"pr-{trigger.pull}", f"pull request {trigger.pull}"
    if not preview_number(app, environment):
        return _nothing("a pull request is deployed to no environment")
    if trigger.action == "closed":
        return Outputs(False, environment, reason=f"{name} was closed", should_close=True)
    if trigger.action not in DEPLOYING:
        return _nothing(f"{name} was {trigger.action or 'changed'}, and that deploys nothing")
    return _built(app, trigger, environment, f"{trigger.commit[:8]} is the head of {name}")


def _nothing(reason: str) -> Outputs:
    return Outputs(should_deploy=False, reason=reason)


def _of_branch(app: App, branch: str, env: str) -> tuple[str, str]:
    """Find the environment of a branch, or say why there is none."""
    known = app.settings.environments
    if env:
        if env not in known:
            return "", f"tagship.toml has no environment {env}"
        own = known[env].branch
        return (env, "") if own in ("", branch) else ("", f"{env} is deployed from {own}, and this is {branch}")
    owners = [name for name, chosen in known.items() if branch and chosen.branch == branch]
    first = [name for name in app.settings.promotion.order if name in owners][:1] or owners
    if len(first) == 1:
        return first[0], ""
    return "", f"{' and '.join(owners) or 'no environment'} {'are' if owners else 'is'} deployed from {branch}"


def _built(app: App, trigger: Trigger, environment: str, reason: str) -> Outputs:
    """Deploy a commit, under an id of its own."""
    artifact_id = _id_of(app, trigger.commit)
    _warn_of_unsigned(app, environment)
    tag = artifact_id.image_tag(environment)
    return Outputs(True, environment, artifact_id, tag, commit=trigger.commit, reason=reason)


def _promoted(app: App, trigger: Trigger, environment: str) -> Outputs:
    """Promote what was built; a bot's change needs no approval."""
    artifact_id, parent = _id_of(app, trigger.commit), app.repository.parent(trigger.commit)
    automatic = bool(parent) and _opened_by_a_bot(app, trigger.commit)
    source = before(app, environment)
    return Outputs(
        True,
        environment,
        artifact_id,
        artifact_id.image_tag(environment),
        skip_build=True,
        commit=trigger.commit,
        approval=not automatic,
        after=_id_of(app, parent) if automatic else "",
        reason=f"{trigger.commit[:8]} came through {source}{f', and is a change of {BOT}' if automatic else ''}",
    )


def _opened_by_a_bot(app: App, commit: str) -> bool:
    """Ask the forge; if it does not answer, somebody has to approve."""
    try:
        return app.forge is not None and app.forge.author(commit) == BOT
    except TagshipError as reason:
        app.screen.warn(
            f"{commit[:8]} needs an approval, because the author of its pull request is unknown: {reason.what}"
        )
        return False


def _id_of(app: App, commit: str) -> ArtifactId:
    # The commit's own time, so that each run of it arrives at the same id, and a later commit's is higher.
    return ArtifactId.untagged(commit, app.repository.committed(commit))


def _dispatched(app: App, trigger: Trigger, environment: str) -> Outputs:
    """Deploy what somebody asked for by hand: a version, or the branch."""
    if not environment:
        raise UsageError("The dispatch names no environment.", remedy="Give the workflow an input of that name")
    settings = app.settings.environment(environment)
    asked = trigger.inputs.get("version") or trigger.inputs.get("image_tag", "")
    if asked:
        return _asked_for(app, environment, asked, trigger)
    if before(app, environment):
        raise UsageError(
            f"{environment} runs what came through {before(app, environment)}: name that version.",
            remedy=f"See what runs there: {commands.status(before(app, environment))}",
        )
    if settings.branch and not app.repository.on_branch(trigger.commit, settings.branch):
        raise Refused(
            f"{trigger.commit[:8]} is not on {settings.branch}, and {environment} is deployed from nothing else.",
            remedy=f"Start it on {settings.branch}, or merge the commit into that",
        )
    return _built(app, trigger, environment, f"somebody started it for {environment}")


def _asked_for(app: App, environment: str, asked: str, trigger: Trigger) -> Outputs:
    artifact_id = ArtifactId.parse(app.settings.tags.names.text(asked).removeprefix(f"{environment}-"))
    tag = app.settings.tag(artifact_id) if artifact_id.version else ""
    reason = f"somebody asked for {artifact_id} on {environment}"
    image_tag = artifact_id.image_tag(environment)
    return Outputs(True, environment, artifact_id, image_tag, tag, True, trigger.commit, approval=True, reason=reason)


def _checked(app: App, name: str, environment: str) -> Outputs:
    version = Version.parse(name)
    chosen = environment or app.settings.environment_of(version.suffix)
    _check_channel(app, version, chosen)
    commit = _check_tag(app, version, chosen, app.ci.commit)
    _warn_of_unsigned(app, chosen)
    tag = ArtifactId(str(version)).image_tag(chosen)
    name = app.settings.tag(version)
    return Outputs(True, chosen, str(version), tag, name, commit=commit, reason=f"the tag {name}")


def _warn_of_unsigned(app: App, environment: str) -> None:
    if app.settings.environment(environment).allow_unsigned:
        signs = "it is signed anyway" if app.settings.signing else "it stays unsigned"
        app.screen.warn(f"UNSIGNED: {environment} takes artifacts without a signature (allow_unsigned); {signs}")


def _check_channel(app: App, version: Version, environment: str) -> None:
    app.settings.environment(environment)
    suffix = app.settings.suffix(environment)
    ending = f"end in -{suffix}" if suffix else "have no suffix"
    if version.suffix != suffix:
        raise Refused(
            f"{version} is not a version of {environment}, whose versions {ending}.",
            remedy=f"Tag one of that channel: {commands.tag(environment)}",
        )


def _check_tag(app: App, version: Version, environment: str, started_by: str) -> str:
    """Check the tag as the remote has it; return its commit.

    It is annotated, on its branch, and still at the commit that started this run.
    The remote's, because actions/checkout may write a lightweight tag in place of an annotated one.
    """
    tag, branch = app.repository.remote_tag(str(version)), app.settings.environment(environment).branch
    if tag is None:
        raise Refused(
            f"{app.settings.git.remote} has no tag {app.settings.tag(version)}.",
            remedy=f"Tag it and push it: {commands.deploy_dev()}",
        )
    undo = f"Delete it, and tag with tagship: {commands.tag_undo(str(version))}"
    if tag.oid == tag.commit:
        raise Refused(
            f"{version} is a lightweight tag: it does not say who made it, and two people can push it.", remedy=undo
        )
    if started_by and tag.commit != started_by:
        raise Refused(
            f"{version} has moved: this run was started at {started_by[:8]}, and it is at {tag.commit[:8]} now.",
            remedy="Let the newer run go on; this one deploys nothing",
        )
    if branch and not app.repository.on_branch(tag.commit, branch):
        raise Refused(
            f"{version} is at {tag.commit[:8]}, not on {branch}: {environment} is deployed from {branch} alone.",
            remedy=f"Merge the commit into {branch}, then tag it there: {commands.deploy_dev()}",
        )
    return tag.commit
