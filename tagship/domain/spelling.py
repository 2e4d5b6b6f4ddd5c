"""How a command is spelled: a task with its flags, quoted for a shell."""

from __future__ import annotations

import shlex


def spelled(task: str, **flags: str | bool) -> str:
    """Spell a task with its flags: `inv rollback --to 0.1.29-dev --preempt`."""
    words = ["inv", task]
    for name, value in flags.items():
        if value:
            flag = "--" + name.replace("_", "-")
            words += [flag] if value is True else [flag, shlex.quote(str(value))]
    return " ".join(words)
