"""What a remote's URL says about the forge behind it."""

from __future__ import annotations

import re

_HOST, _PATH = r"([A-Za-z0-9][A-Za-z0-9._-]+)", r"([^/:]+/[^/]+?)(?:\.git)?/?\Z"
_ADDRESS = re.compile(rf"(https?|ssh)://(?:[^@/]+@)?{_HOST}(?::\d+)?/{_PATH}")
_OF_SSH = re.compile(rf"()(?:[^@/:]+@)?{_HOST}:/?{_PATH}")  # as scp writes it: git@github.com:acme/hello.git
_BY_ANOTHER_PORT = {"ssh.github.com": "github.com"}  # GitHub's ssh over the HTTPS port
_PLACE = "repos/{owner}/{repo}/environments"  # gh fills both in
_RUN = re.compile(r"/actions/runs/([0-9]+)(?![0-9])")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+\Z")


def repository_of(text: str) -> tuple[str, str] | None:
    """Read host and owner/name from a URL or from owner/name.

    owner/name alone is GitHub's. None for any other remote, and for a host alias of ~/.ssh/config, which only ssh can
    resolve.
    """
    if _NAME.match(text):
        return "github.com", text
    _, host, name = _parts(text)
    return (_BY_ANOTHER_PORT.get(host, host), name) if "." in host else None


def alias_of(url: str) -> tuple[str, str] | None:
    """Read the ssh host alias and owner/name from a URL, or None."""
    # Such a URL is git@work:acme/hello.git.
    scheme, host, name = _parts(url)
    return (host, name) if host and "." not in host and scheme in {"", "ssh"} else None


def _parts(url: str) -> tuple[str, str, str]:
    """Return scheme, host and owner/name; all empty for any other text."""
    match = _ADDRESS.match(url) or _OF_SSH.match(url)
    return (match[1], match[2].lower(), match[3]) if match and _NAME.match(match[3]) else ("", "", "")


def unreachable(url: str) -> tuple[str, str]:
    """Say why CI cannot be asked for this remote, and a remedy."""
    if alias := alias_of(url):
        problem = f"the remote's ssh host alias {alias[0]} does not say where CI runs"
        return problem, f'write repository = "{alias[1]}" under [ci] in tagship.toml'
    if repository_of(url) is None:
        return (
            "the remote is not on GitHub",
            'if CI runs there, write repository = "owner/name" under [ci] in tagship.toml',
        )
    return "there is no GitHub token", "set GITHUB_TOKEN, or: gh auth login"


def numbered(repository: str, owner_id: str, repository_id: str) -> str:
    """Write owner@id/name@id, as tokens of newer repositories name it."""
    owner, _, name = repository.partition("/")
    return f"{owner}@{owner_id}/{name}@{repository_id}"


def tags_alone(environment: str, tags: str, branch: str = "") -> tuple[str, ...]:
    """Spell the commands that keep an environment's role to its tags.

    `tags` is a pattern of GitHub's.
    And to `branch`, if promotions run on one. Without it, a job of any branch that names the environment gets the role.
    The REST API: Deployment environments, and Deployment branch policies.
    """
    return (_closed(environment), _open("tag", tags, environment), *branch_too(environment, branch))


def variable(name: str, app: str, folder: str) -> str:
    """Name a variable of a GitHub environment.

    Apps in folders share the environment, and each has a variable.
    """
    return f"{name}_{app.upper().replace('-', '_')}" if folder else name


def branch_alone(environment: str, branch: str) -> tuple[str, ...]:
    """Spell the commands that keep an environment's role to one branch."""
    return (_closed(environment), *branch_too(environment, branch))


def branch_too(environment: str, branch: str) -> tuple[str, ...]:
    """Spell the command that lets a branch use an environment, too."""
    return (_open("branch", branch, environment),) if branch else ()


def _closed(environment: str) -> str:
    chosen = {"protected_branches": "false", "custom_branch_policies": "true"}
    fields = " ".join(f"-F 'deployment_branch_policy[{name}]={value}'" for name, value in chosen.items())
    return f"gh api -X PUT {_PLACE}/{environment} {fields}"


def _open(kind: str, name: str, environment: str) -> str:
    return f"gh api -X POST {_PLACE}/{environment}/deployment-branch-policies -f type={kind} -f name='{name}'"


def run_id(url: str) -> str:
    """Read the id from a CI run's address, or return nothing."""
    match = _RUN.search(url)
    return match[1] if match else ""


def page(url: str) -> str:
    """Return the page of the runs that a push here starts."""
    repository = repository_of(url)
    return f"https://{repository[0]}/{repository[1]}/actions" if repository else url
