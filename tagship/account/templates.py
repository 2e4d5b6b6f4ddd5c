"""The templates of what `setup` makes: the repository's own, else those that tagship brings."""

from __future__ import annotations

from tagship import resources
from tagship.domain import commands
from tagship.domain.text import either
from tagship.errors import Refused
from tagship.ports.app import Account

AWS = "deploy/aws"


def read_template(app: Account, name: str) -> str:
    try:
        return resources.text(app.root, name)
    except OSError as reason:
        raise Refused(
            f"{name} cannot be read: {reason.strerror}.",
            remedy=either(
                f"Put it back: git checkout -- {name}", f"If Git has no {name}, take tagship's own: {commands.eject()}"
            ),
        ) from None
