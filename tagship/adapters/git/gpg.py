"""Why a tag could not be signed. Git before 2.40 keeps gpg's own words to itself: gpg is then asked once more."""

from __future__ import annotations

import subprocess
from contextlib import suppress

from tagship.adapters.git.answer import Answer, lines
from tagship.adapters.git.program import GitProgram
from tagship.domain.text import either, visible

CANCELLED = "gpg: signing failed: Operation cancelled"  # by us
UNASKED = "gpg wants the key's passphrase, and nobody gave it"
WAIT = 15.0  # seconds for gpg's answer


def reason(git: GitProgram, answer: Answer) -> str:
    """Return gpg's words; empty if git showed them."""
    # Without "gpg failed to sign", another program signs.
    if "gpg failed to sign" not in answer.err or "gpg:" in answer.err:
        return ""
    program = git.run("config", "--get", "gpg.openpgp.program").out or git.run("config", "--get", "gpg.program").out
    return "; ".join(_asked(program.strip() or "gpg", _key(git)))


def remedy(why: str) -> str:
    if why == UNASKED:
        return "Let gpg ask at this terminal: export GPG_TTY=$(tty), then run it again"
    return either(
        "Name the key to sign with: git config user.signingKey <key>", "Or don't sign: git config tag.gpgSign false"
    )


def _key(git: GitProgram) -> str:
    key = git.run("config", "--get", "user.signingKey").out.strip()
    return key or git.run("var", "GIT_COMMITTER_IDENT").out.rpartition(">")[0] + ">"


def _asked(program: str, key: str) -> list[str]:
    """Ask gpg to sign nothing, and return what it says."""
    # It asks for no passphrase a second time.
    command = [program, "--batch", "--pinentry-mode=cancel", "-bsau", key]
    with suppress(OSError, subprocess.SubprocessError):
        result = subprocess.run(command, input=b"", capture_output=True, timeout=WAIT, check=False)
        words = [visible(line).rstrip(".") for line in lines(result.stderr.decode(errors="replace"))]
        return [UNASKED] if words[-1:] == [CANCELLED] else words[-2:]
    return [f"{program} cannot be run"]
