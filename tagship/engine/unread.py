"""What the ledger could not read of an environment: which deployments that leaves open, and how to write after it."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain.deployment import Deployment, is_id
from tagship.ports.app import App


def all_read(app: App, environment: str, deployment: Deployment) -> bool:
    """Tell whether every entry of a deployment could be read.

    Its end may be among those that could not.
    """
    return not _names(app, environment, deployment.id)


def last_number(app: App, environment: str, deployment: Deployment) -> int:
    """Return the highest number of a deployment's entries.

    Entries that can't be read are included.
    What is written after them is void to whoever can read an end among them.
    """
    numbers = [name.partition("-")[0] for name in _names(app, environment, deployment.id)]
    return max([deployment.last.number, *(int(number) for number in numbers if number.isdecimal())])


def newest_unread(app: App, environment: str, history: Sequence[Deployment]) -> str:
    """Name the newest deployment, if nothing of it can be read.

    Empty if what was read is the newest.
    """
    ids = {key.split("/")[-2] for key in app.ledger.unreadable(environment) if "/" in key}
    last = history[-1].id if history else ""
    return max((name for name in ids if is_id(name) and name > last), default="")


def _names(app: App, environment: str, deployment_id: str) -> list[str]:
    """List the names of a deployment's unreadable entries: `3-healthy.json`."""
    return [key.rpartition("/")[2] for key in app.ledger.unreadable(environment) if f"/{deployment_id}/" in key]
