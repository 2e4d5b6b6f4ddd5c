"""The release tasks of this repository: `inv --list` names them.

Another repository needs one line, `from tagship.tasks import ns`; the rest is tagship's own release.
"""

from scripts.release import tasks
from tagship.tasks import ns as toolkit

ns = tasks.collected(toolkit, *tasks.TASKS)

__all__ = ["ns"]
