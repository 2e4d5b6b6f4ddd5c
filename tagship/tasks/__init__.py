"""`ns`, the namespace of every task: what a repository's tasks.py exports, and what the program `tagship` runs.

A task module is cheap to import: Invoke is here already, and everything else is imported when a task runs.
"""

from __future__ import annotations

import sys

from invoke.collection import Collection
from invoke.tasks import Task

from tagship.tasks import ci, demo, holds, incident, infra, preview, release, sandbox, setup, stored
from tagship.tasks._usage import answer_usage

_MODULES = (release, ci, incident, holds, stored, sandbox, setup, demo)
_GROUPS = (infra, preview)  # a verb of its own, and verbs below it: infra, infra.lock, infra.unlock


def _namespace() -> Collection:
    """Collect the tasks of the modules: the verbs are the namespace."""
    # A group's default task has its name.
    tasks = Collection()
    for module in _MODULES:
        for value in vars(module).values():
            if isinstance(value, Task):
                tasks.add_task(value)
    for group in _GROUPS:
        tasks.add_collection(Collection.from_module(group))
    return tasks


ns = _namespace()
if "invoke.main" in sys.modules:  # `inv` is what runs: its program loads tasks.py, and with it this
    answer_usage(sys.modules["invoke.main"].program)

__all__ = ["ns"]
