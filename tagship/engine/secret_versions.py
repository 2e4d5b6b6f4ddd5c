"""Whether the versions of secrets that an artifact names are still there, without asking for a value.

Parameter Store counts versions from 1 and keeps the latest hundred (Systems Manager User Guide, "Working with parameter
versions"). Secrets Manager says by name alone that a secret is there, and which version is current: an older one is
fetched by a unit, or it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tagship.domain import commands
from tagship.domain.secrets import SECRETS_MANAGER, SecretRef
from tagship.domain.text import counted, listed
from tagship.engine.gate import NotChecked
from tagship.errors import NotAllowed, Refused
from tagship.ports.app import App

KEPT = 100  # versions of a parameter


def require_there(app: App, environment: str, references: Iterable[SecretRef]) -> str:
    """Require these versions of secrets.

    Returns what was seen. Raises Refused if a version is gone, NotChecked if only a unit can tell.
    """
    wanted = {(ref.store, ref.name, ref.version): ref for ref in references}.values()
    parameters = [ref for ref in wanted if ref.store != SECRETS_MANAGER]
    secrets = [ref for ref in wanted if ref.store == SECRETS_MANAGER]
    try:
        gone = list(_gone(app, environment, parameters))
        unsure = [ref for ref in secrets if app.at(environment).secrets.current(ref.name) != ref.version]
    except NotAllowed as reason:
        raise NotChecked(f"{reason.what.rstrip('.')}; the hosts fetch them by their own roles") from reason
    if gone:
        raise Refused(
            f"{listed(gone)}: a unit could not fetch what the version had.",
            remedy=f"The next version takes what is there now: {commands.deploy_dev(environment)}",
        )
    if unsure:
        names = listed([f"{ref.name} in version {ref.version}" for ref in unsure])
        raise NotChecked(f"{names} is not current: only a unit that fetches it can tell whether it is still there")
    return f"{counted(len(wanted), 'secret')} there, each in the version that it had"


def _gone(app: App, environment: str, references: Iterable[SecretRef]) -> Iterator[str]:
    """Name the parameters whose version is not there."""
    newest: dict[str, str] = {}
    for path in sorted({ref.name.rpartition("/")[0] or "/" for ref in references}):
        newest |= app.at(environment).secrets.parameters(path)
    for ref in references:
        if ref.name not in newest:
            yield f"the parameter {ref.name} does not exist"
        elif int(ref.version) > int(newest[ref.name]):
            yield f"the parameter {ref.name} was made anew, and has no version {ref.version}"
        elif int(ref.version) <= int(newest[ref.name]) - KEPT:
            yield f"version {ref.version} of the parameter {ref.name} is not among the {KEPT} that are kept"
