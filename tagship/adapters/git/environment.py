"""The environment that git runs in: its words in English, the repository that we stand in, no question at a terminal.

What is the user's right stays: hooks, signing, credential helpers, insteadOf, proxies, and GIT_CONFIG_COUNT.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

# Set by git for its hooks and aliases (git rev-parse --local-env-vars), or left over in a shell: they name another
# repository, index or namespace than the one that we stand in.
ELSEWHERE = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return git's variables: those inherited, but for ELSEWHERE, and ours.

    LC_MESSAGES alone is pinned: hooks keep the user's encoding, which LC_ALL would take from them.
    """
    encoding = inherited.get("LC_ALL") or inherited.get("LC_CTYPE") or inherited.get("LANG") or "C"
    return {name: value for name, value in inherited.items() if name not in ELSEWHERE} | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",  # refs/replace is one person's; what is released is everybody's
        "LC_ALL": "",
        "LC_CTYPE": encoding,
        "LC_MESSAGES": "C",
        "LANGUAGE": "C",
    }


def at_a_terminal() -> bool:
    """Tell whether ssh and gpg may ask at a terminal."""
    # They must stay in its foreground to ask.
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
