"""What `doctor` asks of GitHub for an environment: the workflow, who gets its role, how tokens name the repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from tagship.account.trusting import github_repository, own_files
from tagship.account.workflows import WORKFLOWS, workflow_path
from tagship.domain import commands
from tagship.domain.finding import Finding, failing, ok, warning
from tagship.domain.forge import numbered, refs_alone, refs_too
from tagship.domain.foundation import stack_name
from tagship.domain.text import listed
from tagship.ports.app import Account
from tagship.settings.trust import ANY, ROLES, files, refs, trusted

PATTERN = re.compile(r"""^ *-? *["']?([A-Za-z0-9*\[\]._/-]*\*[A-Za-z0-9*\[\]._/-]*)["']?(?: +#.*)?$""", re.MULTILINE)
NO_WORKFLOW = "Write that workflow, or take it out of {} there in tagship.toml"
NUMBERED_FROM = "2026-07-15"  # repositories created since then are named by their numbers in GitHub's tokens


def _workflow(app: Account, environment: str) -> Iterator[Finding]:
    """Look for the files whose jobs get the environment's roles."""
    about, sources = f"{environment}: workflow", trusted(app.settings, environment, own_files(app))
    if ANY in sources["ship"]:
        yield warning(about, "any workflow gets the environment's role", f"Name it: workflow = … in [{environment}]")
        return
    named = app.settings.environments[environment].workflows
    for role in ROLES:
        for file in files(getattr(named, role) or ()):
            if not workflow_path(app, file).is_file():
                where = f"environments.{environment}.workflows.{role}"
                yield failing(about, f"there is no {WORKFLOWS / file}, which {where} names", NO_WORKFLOW.format(role))
    shipping = [file for file in files(sources["ship"]) if workflow_path(app, file).is_file()]
    if not shipping:
        first = WORKFLOWS / files(sources["ship"])[0]
        yield failing(about, f"there is no {first}: nothing ships to {environment}", commands.init())
    for file in shipping:
        yield _started(app, environment, about, file)


def _started(app: Account, environment: str, about: str, name: str) -> Finding:
    """Look whether a pushed tag of the environment starts its workflow."""
    text = workflow_path(app, name).read_text("utf-8", "replace") if name == app.settings.workflow(environment) else ""
    prefix, file = app.settings.tags.prefix, WORKFLOWS / name
    patterns = [pattern for pattern in PATTERN.findall(text) if pattern.endswith(app.settings.suffix(environment))]
    if prefix and patterns and not any(re.match(rf"(\*|{re.escape(prefix)})", pattern) for pattern in patterns):
        words = f"{file} starts on {listed(patterns)}, and tags begin with {prefix}"
        return failing(about, words, f"Write there, under on.push.tags: {_pattern(app, environment)}")
    return ok(about, str(file))


def _pattern(app: Account, environment: str) -> str:
    return app.settings.tags.names.on_github(app.settings.suffix(environment))


def _gate(app: Account, environment: str) -> Iterator[Finding]:
    """Look whether GitHub keeps an environment to its workflows' refs."""
    about = f"{environment}: GitHub"
    if app.settings.sandbox:
        return
    if app.forge is None:
        yield warning(about, "was not asked: there is no token for it", "gh auth login")
        return
    gate, wanted = (
        app.forge.gate(environment),
        refs(app.settings, environment, own_files(app), lambda file: workflow_path(app, file).is_file()),
    )
    alone = " && ".join(refs_alone(environment, wanted))
    if gate is None:
        yield failing(about, f"has no environment {environment}: jobs get no role", alone, safe=True)
    elif not [ref for ref in gate.refs if ref != "branch *"]:
        yield failing(about, f"any branch may use the environment {environment}", alone)
    elif missing := [(kind, name) for kind, name in wanted if f"{kind} {name}" not in gate.refs]:
        names = listed([f"{kind} {name}" for kind, name in missing])
        words = f"{names} may not use the environment {environment}: its workflows get no role there"
        yield failing(about, words, " && ".join(refs_too(environment, missing)))
    else:
        reviewed = "somebody has to approve" if gate.reviewed else f"nobody has to approve{_approvals(app)}"
        yield ok(about, f"{listed(list(gate.refs))} may use it; {reviewed}")


def _approvals(app: Account) -> str:
    """Say whether this repository could ask for approvals at all."""
    # https://docs.github.com/actions/reference/workflows-and-actions/deployments-and-environments
    private = app.forge is not None and app.forge.home().private
    return " (a private repository can ask for that on GitHub Enterprise alone)" if private else ""


def _subject(app: Account, environment: str) -> Iterator[Finding]:
    """Compare how GitHub's tokens name the repository with what the role trusts."""
    about, stack = f"{environment}: subject", app.foundation.stack(stack_name(app.settings.app, environment))
    if app.settings.sandbox or app.forge is None or stack is None:
        return
    home, repository = app.forge.home(), github_repository(app)
    wanted = numbered(repository, home.owner_id, home.repository_id)
    trusted = stack.parameters.get("NumberedRepository", "")
    fix = commands.setup(owner_id=home.owner_id, repository_id=home.repository_id)
    if trusted and trusted != wanted:
        yield failing(about, f"the role trusts {trusted}, and GitHub's numbers are {wanted}", fix)
    elif not trusted and home.created >= NUMBERED_FROM:
        yield failing(about, f"GitHub's tokens name {wanted}, and the role trusts {repository} alone", fix)
    else:
        yield ok(about, f"repo:{trusted or repository}:environment:{environment}")


CHECKS: Mapping[str, Callable[[Account, str], Iterator[Finding]]] = {
    "workflow": _workflow,
    "GitHub": _gate,
    "subject": _subject,
}
