"""The environment that git runs in: its words in English, the repository that we stand in, no question at a terminal.

What is the user's right stays: hooks, signing, credential helpers, insteadOf, proxies, and GIT_CONFIG_COUNT.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

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


def pinned(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that every call of git has.

    LC_MESSAGES alone is pinned: hooks keep the user's encoding. (GitPython's own LC_ALL=C would take it from them.)
    """
    encoding = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "C"
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",  # refs/replace is one person's; what is released is everybody's
        "LC_ALL": "",
        "LC_CTYPE": encoding,
        "LC_MESSAGES": "C",
        "LANGUAGE": "C",
    }


def command(root: Path, arguments: tuple[str, ...], environ: Mapping[str, str]) -> list[str]:
    """Build git's command line, without variables that name another repository."""
    strays = [name for name in ELSEWHERE if name in environ]
    unset = [word for name in strays for word in ("-u", name)]
    return [*(["env", *unset] if unset else []), "git", "-C", str(root), *arguments]


def at_a_terminal() -> bool:
    """Tell whether ssh and gpg may ask at a terminal."""
    # They must stay in its foreground to ask.
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
