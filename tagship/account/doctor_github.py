"""What `doctor` asks of GitHub for an environment: the workflow, who gets its role, how tokens name the repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from tagship.account.desired import github_repository
from tagship.domain import commands
from tagship.domain.finding import Finding, failing, ok, warning
from tagship.domain.forge import branch_too, numbered, tags_alone
from tagship.domain.foundation import stack_name
from tagship.domain.text import listed
from tagship.ports.app import App

PATTERN = re.compile(r"""^ *-? *["']?([A-Za-z0-9*\[\]._/-]*\*[A-Za-z0-9*\[\]._/-]*)["']?(?: +#.*)?$""", re.MULTILINE)
WORKFLOWS = Path(".github/workflows")
NO_PROMOTION = 'Write that workflow, or workflow = "" under [promotion] in tagship.toml'
NUMBERED_FROM = "2026-07-15"  # repositories created since then are named by their numbers in GitHub's tokens


def _workflow(app: App, environment: str) -> Iterator[Finding]:
    about, file = f"{environment}: workflow", app.settings.workflow(environment)
    workflows = app.root / ("../" * len(PurePosixPath(app.repository.folder).parts)) / WORKFLOWS
    promoting = app.settings.promotion.workflow if app.settings.promoted_from(environment) else ""
    if promoting and not (workflows / promoting).is_file():
        yield failing(about, f"there is no {WORKFLOWS / promoting}, which promotion.workflow names", NO_PROMOTION)
    if not file:
        yield warning(about, "any workflow gets the environment's role", f"Name it: workflow = … in [{environment}]")
    elif (workflows / file).is_file():
        yield _started(app, environment, about, (workflows / file).read_text("utf-8", "replace"))
    else:
        yield failing(about, f"there is no {WORKFLOWS / file}: a pushed tag starts nothing", commands.init())


def _started(app: App, environment: str, about: str, text: str) -> Finding:
    """Look whether a pushed tag of the environment starts its workflow."""
    prefix, file = app.settings.tags.prefix, WORKFLOWS / app.settings.workflow(environment)
    patterns = [pattern for pattern in PATTERN.findall(text) if pattern.endswith(app.settings.suffix(environment))]
    if prefix and patterns and not any(re.match(rf"(\*|{re.escape(prefix)})", pattern) for pattern in patterns):
        words = f"{file} starts on {listed(patterns)}, and tags begin with {prefix}"
        return failing(about, words, f"Write there, under on.push.tags: {_pattern(app, environment)}")
    return ok(about, str(file))


def _pattern(app: App, environment: str) -> str:
    return app.settings.tags.names.on_github(app.settings.suffix(environment))


def _gate(app: App, environment: str) -> Iterator[Finding]:
    """Look whether GitHub keeps an environment, and its role, to tags."""
    about = f"{environment}: GitHub"
    if app.settings.sandbox:
        return
    if app.forge is None:
        yield warning(about, "was not asked: there is no token for it", "gh auth login")
        return
    gate = app.forge.gate(environment)
    branch = app.settings.promoted_from(environment)
    pattern = _pattern(app, environment)
    alone = " && ".join(tags_alone(environment, pattern, branch))
    if gate is None:
        yield failing(about, f"has no environment {environment}: jobs get no role", alone, safe=True)
    elif not [ref for ref in gate.refs if ref != "branch *"]:
        yield failing(about, f"any branch may use the environment {environment}", alone)
    elif branch and f"branch {branch}" not in gate.refs:
        words = f"{branch} may not use the environment {environment}: promotions from there get no role"
        yield failing(about, words, " && ".join(branch_too(environment, branch)))
    else:
        reviewed = "somebody has to approve" if gate.reviewed else f"nobody has to approve{_approvals(app)}"
        yield ok(about, f"{listed(list(gate.refs))} may use it; {reviewed}")


def _approvals(app: App) -> str:
    """Say whether this repository could ask for approvals at all."""
    # https://docs.github.com/actions/reference/workflows-and-actions/deployments-and-environments
    private = app.forge is not None and app.forge.home().private
    return " (a private repository can ask for that on GitHub Enterprise alone)" if private else ""


def _subject(app: App, environment: str) -> Iterator[Finding]:
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


CHECKS: Mapping[str, Callable[[App, str], Iterator[Finding]]] = {
    "workflow": _workflow,
    "GitHub": _gate,
    "subject": _subject,
}
