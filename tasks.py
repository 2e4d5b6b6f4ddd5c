"""The release tasks of this repository: `inv --list` names them."""

from tagship.tasks import ns

__all__ = ["ns"]
