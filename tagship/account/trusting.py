"""Whose jobs get the roles of an environment, as its stack names them."""

from __future__ import annotations

from tagship.domain import commands, foundation
from tagship.domain.forge import alias_of, repository_of
from tagship.errors import SettingsError
from tagship.ports.app import Account
from tagship.settings.trust import ANY, trusted


def github_repository(app: Account) -> str:
    """Return owner/name from the settings or the remote. Raises SettingsError."""
    named = app.settings.ci.repository
    if not named and app.settings.sandbox:
        named = f"sandbox/{app.settings.app}"
    url = named or app.repository.remote_url()
    repository = repository_of(url)
    if repository is None or repository[0] != "github.com":
        _, name = alias_of(url) or ("", "owner/name")
        raise SettingsError(
            "The remote is not on github.com, so setup does not know which repository on GitHub may ship.",
            remedy=f'Write repository = "{name}" under [ci] in tagship.toml, or: {commands.setup(document_only=True)}',
        )
    return repository[1]


def own_files(app: Account) -> str:
    """Return what the names of an app's workflows begin with."""
    # In a folder of its own, its name.
    return f"{app.settings.app}-" if app.repository.folder else ""


def cleanup_workflow(app: Account) -> str:
    """Name the workflow whose jobs delete artifacts; empty: any."""
    ci = app.settings.ci
    return ci.cleanup_workflow if "cleanup_workflow" in ci.model_fields_set else own_files(app) + ci.cleanup_workflow


def trusted_workflows(app: Account, name: str, repository: str) -> dict[str, str]:
    """Write whose jobs get each role, as GitHub's tokens name their workflows.

    Empty: any workflow's; "none": nobody's. Raises SettingsError if AWS would not take so many.
    """
    given: dict[str, str] = {}
    for role, sources in trusted(app.settings, name, own_files(app)).items():
        named = [f"{repository}/.github/workflows/{source}" for source in sources if source != ANY]
        if foundation.trust_size(repository, name, named) > foundation.LARGEST_TRUST:
            raise SettingsError(
                f"environments.{name}.workflows.{role} names {len(named)} workflows, which no role on AWS can trust.",
                remedy=f"Name fewer of them, or split {name} into two environments",
            )
        given[f"{role.capitalize()}Workflows"] = "" if ANY in sources else ",".join(named) or "none"
    return given
