"""What `doctor` asks of Terraform's files: whether anything locks their state, and whether an apply undoes deployments.

An answer is never made up: what a parser can't read, or a module from elsewhere may have, is said to be unknown.
`inv infra.plan` knows it for certain, by Terraform's own plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tagship.domain import commands
from tagship.domain.finding import Finding, ok, warning
from tagship.domain.infra_owned import TerraformFiles, block, lock_problem, unprotected
from tagship.domain.text import listed
from tagship.engine import statelocks
from tagship.ports.app import App

PARSER = 'pip install "tagship[terraform]"'
WHERE = ("*.tf", "*/*.tf", "*/*/*.tf")  # where a team without [environments.<name>.infra] has its files
ABOUT_LOCKS = "https://developer.hashicorp.com/terraform/language/backend/s3#state-locking"


def _infra(app: App, environment: str) -> Iterator[Finding]:
    """Look at the *.tf files that may make what it runs on."""
    about = f"{environment}: terraform"
    owned = app.settings.environment(environment).target.owned
    for folder in _folders(app, environment):
        files = app.infrastructure(environment).configuration(app.root / folder)
        if files is None:
            yield warning(about, f"what {folder}/*.tf ignore and lock is unknown: python-hcl2 is not installed", PARSER)
            return
        yield from _locked(app, environment, folder, files)
        if owned:
            yield from _ignored(app, environment, folder, files)


def _folders(app: App, environment: str) -> Sequence[str]:
    """Name the folder of the settings, or those that have *.tf files."""
    chosen = app.settings.environment(environment).infra.directory
    if chosen:
        return [chosen] if any((app.root / chosen).glob("*.tf")) else []
    paths = {file.parent for pattern in WHERE for file in app.root.glob(pattern)}
    inside = {path.relative_to(app.root) for path in paths}
    return sorted(str(path) for path in inside if not any(part.startswith(".") for part in path.parts))


def _locked(app: App, environment: str, folder: str, files: TerraformFiles) -> Iterator[Finding]:
    about = f"{environment}: state lock"
    if statelocks.has_state(app, environment):
        yield ok(about, f"{folder}: S3 locks the state (use_lockfile)")
        return
    if not (files.backend or files.providers):
        return  # a module: its state is that of who uses it
    problem = lock_problem(files)
    if problem is None:
        words = f"{folder}: can't tell whether its state is locked: {_why_unknown(files)}"
        yield warning(about, words, f"See {ABOUT_LOCKS}")
    elif problem:
        fix = f'Use backend "s3" with use_lockfile = true: {ABOUT_LOCKS}'
        yield warning(about, f"{folder}: {problem}", fix)
    else:
        yield ok(about, f"{folder}: the backend {files.backend} locks the state")


def _why_unknown(files: TerraformFiles) -> str:
    if files.unread:
        return f"{listed(files.unread)} can't be read"
    return f"the arguments of its backend {files.backend} are elsewhere (-backend-config), or it is one not known here"


def _ignored(app: App, environment: str, folder: str, files: TerraformFiles) -> Iterator[Finding]:
    about = f"{environment}: ignore_changes"
    owned = app.settings.environment(environment).target.owned
    bad = list(unprotected(files, owned))
    for resource, missing in bad:
        words = f"{folder}: {resource.address} doesn't ignore {listed(missing)}: if tagship deploys to it, an apply"
        yield warning(about, f"{words} undoes that", f"Add to it: {block(owned[resource.type].paths)}")
    if files.unread:
        yield warning(about, f"{folder}: {listed(files.unread)} can't be read, so its contents are unknown")
    made = [resource.address for resource in files.resources if resource.type in owned]
    if files.modules and not made:
        words = f"{folder}: {listed(files.modules)} may define deployment targets, and was not read"
        yield warning(about, words, f"Terraform knows: {commands.infra_plan('', environment)}")
    elif made and not (bad or files.unread):
        yield ok(about, f"{folder}: {listed(made)} {'ignores' if len(made) == 1 else 'ignore'} what deployments set")


CHECKS: Mapping[str, Callable[[App, str], Iterator[Finding]]] = {"terraform": _infra}
