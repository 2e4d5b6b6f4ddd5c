"""What `doctor` asks of previews: their template, workflows and role, how many are open, and whether old ones went."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tagship.account.previews import template_problems
from tagship.account.workflows import workflow_path
from tagship.domain import commands
from tagship.domain.finding import Finding, failing, ok, warning
from tagship.domain.foundation import stack_name
from tagship.domain.preview import CLOSING
from tagship.domain.text import counted, listed
from tagship.engine.previews import records
from tagship.ports.app import Account
from tagship.settings.previews import NUMBER, PREVIEWS

NAME_IT = "Name the command that takes one away under [previews] in tagship.toml; docs/previews.md has examples"
UNNAMED = "names no tool yet"  # what `init --previews` leaves in previews.remove


def _template(app: Account) -> Iterator[Finding]:
    """Look whether previews could be made, and taken away."""
    previews = app.settings.previews
    problems = template_problems(app)
    for problem in problems:
        yield failing("", problem, "Give previews names, tags, keys and repositories of their own; docs/previews.md")
    if any(UNNAMED in word for word in previews.remove):
        yield failing("", "previews.remove names no tool: no preview can be closed", NAME_IT)
    elif not any(NUMBER in word for word in previews.remove):
        words = f"previews.remove has no {NUMBER}: it has to know the preview by PR_NUMBER or ENVIRONMENT"
        yield warning("", words, f"See whether it does: {commands.preview_close('51', dry_run=True)}")
    elif not problems:
        yield ok("", f"pr-<number>, {previews.ttl} h after the last deployment at most")


def _workflows(app: Account) -> Iterator[Finding]:
    """Look for the files whose jobs make previews and take them away."""
    previews = app.settings.previews
    for file in (previews.workflow, previews.sweep_workflow):
        path = workflow_path(app, file)
        if path.is_file():
            yield ok("", f".github/workflows/{file}")
        else:
            yield failing("", f"there is no .github/workflows/{file}, which AWS will trust", commands.init())


def _role(app: Account) -> Iterator[Finding]:
    """Look whether `setup` made what their jobs act by."""
    if app.settings.sandbox:
        return
    name = stack_name(app.settings.app, PREVIEWS)
    stack = app.foundation.stack(name)
    if stack is None:
        yield failing("", f"there is no stack {name}: their jobs have no role", commands.setup())
    elif role := stack.outputs.get("PreviewRoleArn", ""):
        yield ok("", role)
    else:
        yield failing("", f"the stack {name} has made no role", commands.setup())


def _open(app: Account) -> Iterator[Finding]:
    """Count the previews that are open, and those that should have gone."""
    previews, now = app.settings.previews, app.store.now()
    living = {name: record for name, record in records(app).items() if record.lives}
    late = sorted(
        name for name, record in living.items() if record.state == CLOSING or record.expired(now, previews.ttl)
    )
    sweep = commands.preview_sweep()
    if late:
        words = f"{listed(late)} should be gone: the sweep does not run, or fails"
        yield warning("", words, f"See why, then take them away: {sweep}")
    if len(living) >= previews.limit:
        yield warning("", f"open now: {len(living)}; previews.limit is {previews.limit}: the next is refused", sweep)
    elif not late:
        yield ok("", f"{counted(len(living), 'preview')} open, {previews.limit} at most")


CHECKS: Mapping[str, Callable[[Account], Iterator[Finding]]] = {
    "template": _template,
    "workflows": _workflows,
    "role": _role,
    "open ones": _open,
}
