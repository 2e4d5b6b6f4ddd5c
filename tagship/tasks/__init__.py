"""`ns`, the namespace of every task: what a repository's tasks.py exports, and what the program `tagship` runs.

A task module is cheap to import: Invoke is here already, and everything else is imported in a task's body.
"""

from __future__ import annotations

from invoke.collection import Collection
from invoke.tasks import Task

from tagship.tasks import ci, demo, deploy, gates, holds, incident, infra, release, sandbox, setup

_MODULES = (release, ci, deploy, incident, gates, holds, sandbox, setup, demo)
_GROUPS = (infra,)  # a verb of its own, and verbs below it: infra, infra.lock, infra.unlock


def _namespace() -> Collection:
    """Every task of the modules, side by side: the verbs are the namespace. A group's default task has its name."""
    found = Collection()
    for module in _MODULES:
        for one in vars(module).values():
            if isinstance(one, Task):
                found.add_task(one)
    for group in _GROUPS:
        found.add_collection(Collection.from_module(group))
    return found


ns = _namespace()

__all__ = ["ns"]
