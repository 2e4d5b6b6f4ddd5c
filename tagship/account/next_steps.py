"""What a person does once `setup` has made the stacks: GitHub's variables, the hosts' profile, people's policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tagship.account.desired import names_of_stacks
from tagship.account.trusting import own_files
from tagship.domain.forge import refs_alone, variable
from tagship.domain.foundation import stack_name
from tagship.domain.text import listed
from tagship.ports.app import Account
from tagship.settings.trust import refs

VARIABLES = {  # of GitHub's environment, by the role that the stack makes
    "Ci": "AWS_ROLE_ARN",
    "Notify": "AWS_NOTIFY_ROLE_ARN",
    "Rollback": "AWS_ROLLBACK_ROLE_ARN",
    "Verify": "AWS_VERIFY_ROLE_ARN",
}
OF = {"hosts": "hosts' logs", "sites": "static sets"}  # what a policy of people is for, if its noun is not enough


def next_steps(app: Account, outputs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Say what comes next: GitHub's settings, and the hosts' profile.

    `outputs` are those of stacks, by their names.
    """
    if app.settings.images_in:
        yield from _of_region(app, outputs)
        return
    for name in names_of_stacks(app):
        made = outputs.get(stack_name(app.settings.app, name))
        if not made:
            continue
        if "PreviewRoleArn" in made:
            yield from _of_previews(app, made)
            continue
        yield from _of_github(app, name, made)
        if profile := made.get("HostProfile"):
            yield f"hosts of {name}: instance profile {profile}"
        yield f"people of {name}, who deploy and roll back by hand: attach {made['PeoplePolicyArn']}"
        for noun in ("hosts", "functions", "services", "groups", "sites", "figures", "report"):
            if policy := made.get(f"PeopleOf{noun.capitalize()}PolicyArn"):
                yield f"and, for its {OF.get(noun, noun)}: {policy}"


def _of_region(app: Account, outputs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Name the policies that people need in that region as well."""
    for name in app.settings.environments:
        policies = [arn for key, arn in outputs.get(stack_name(app.settings.app, name), {}).items() if "Policy" in key]
        if policies:
            yield f"people of {name}, in {app.settings.aws.region} as well: attach {listed(sorted(policies))}"


def _of_previews(app: Account, made: Mapping[str, str]) -> Iterator[str]:
    """Spell the commands for previews.

    A pull request's job is in no environment, so the repository has its variables.
    """
    sweep, branch = "preview-sweep", app.settings.ci.cleanup_branch
    role = variable("AWS_PREVIEW_ROLE_ARN", app.settings.app, app.repository.folder)
    for where in ("", f" --env {sweep}"):
        if where:
            yield from refs_alone(sweep, [("branch", branch)])
        yield f"gh variable set {role}{where} --body {made['PreviewRoleArn']}"
        yield f"gh variable set AWS_REGION{where} --body {app.settings.aws.region}"
    if policy := made.get("PeoplePolicyArn"):
        yield f"people who close previews by hand, beside what their tool needs: attach {policy}"


def _of_github(app: Account, name: str, made: Mapping[str, str]) -> Iterator[str]:
    """Spell the commands for an environment, and for that of its cleanup.

    They make the environments first: a variable needs one.
    """
    settings, cleanup = app.settings, f"{name}-cleanup"
    region = settings.aws.region
    yield from refs_alone(name, refs(settings, name, own_files(app)))
    for role, plain in VARIABLES.items():
        if arn := made.get(f"{role}RoleArn"):
            yield f"gh variable set {variable(plain, settings.app, app.repository.folder)} --env {name} --body {arn}"
    yield f"gh variable set AWS_REGION --env {name} --body {region}"
    yield from refs_alone(cleanup, [("branch", settings.ci.cleanup_branch)])
    clean = variable("AWS_CLEANUP_ROLE_ARN", settings.app, app.repository.folder)
    yield f"gh variable set {clean} --env {cleanup} --body {made['CleanupRoleArn']}"
    yield f"gh variable set AWS_REGION --env {cleanup} --body {region}"
