"""`validate`: whether this CI run deploys, and what: the five outputs that the later steps go by."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tagship.domain import commands
from tagship.domain.version import ArtifactId, Version
from tagship.errors import Refused
from tagship.ports.app import App


@dataclass(frozen=True)
class Outputs:
    """What later steps and jobs are given, a line each."""

    should_deploy: bool
    environment: str = ""
    version: str = ""
    image_tag: str = ""
    tag: str = ""

    def lines(self) -> dict[str, str]:
        return {name: str(value).lower() if isinstance(value, bool) else value for name, value in asdict(self).items()}


def validate(app: App, *, artifact: str = "", env: str = "") -> Outputs:
    """Check the tag that started the run.

    A run of a branch or a pull request deploys nothing, and succeeds.
    Raises UsageError when the tag is no version of a known channel, Refused when it is not an annotated tag on its
    channel's branch.
    """
    name = artifact or app.ci.tag
    outputs = _checked(app, name, env) if name else Outputs(should_deploy=False)
    if not name:
        app.screen.say("No tag set off this run, and --version names none: nothing is to be deployed.")
    for key, value in outputs.lines().items():
        app.screen.say(f"{key}={value}")
    app.ci.output(outputs.lines())
    return outputs


def _checked(app: App, name: str, environment: str) -> Outputs:
    version = Version.parse(name)
    chosen = environment or app.settings.environment_of(version.suffix)
    _check_channel(app, version, chosen)
    _check_tag(app, version, chosen, app.ci.commit)
    if app.settings.environment(chosen).allow_unsigned:
        signs = "it is signed anyway" if app.settings.signing else "it stays unsigned"
        app.screen.warn(f"UNSIGNED: {chosen} takes artifacts without a signature (allow_unsigned); {signs}")
    return Outputs(True, chosen, str(version), ArtifactId(str(version)).image_tag(chosen), str(version))


def _check_channel(app: App, version: Version, environment: str) -> None:
    app.settings.environment(environment)
    suffix = app.settings.suffix(environment)
    ending = f"end in -{suffix}" if suffix else "have no suffix"
    if version.suffix != suffix:
        raise Refused(
            f"{version} is not a version of {environment}, whose versions {ending}.",
            remedy=f"Tag one of that channel: {commands.tag(environment)}",
        )


def _check_tag(app: App, version: Version, environment: str, started_by: str) -> None:
    """Check the tag as the remote has it.

    It is annotated, on its branch, and still at the commit that started this run.
    The remote's, because actions/checkout may write a lightweight tag in place of an annotated one.
    """
    tag, branch = app.repository.remote_tag(str(version)), app.settings.environment(environment).branch
    if tag is None:
        raise Refused(
            f"{app.settings.git.remote} has no tag {version}.", remedy=f"Tag it and push it: {commands.deploy_dev()}"
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
