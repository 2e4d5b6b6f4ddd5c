"""The user's own way to AWS credentials: a program, a role with an MFA code, a file. Each fails in its own way."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tagship.adapters.aws.silence import Bound, NeverEnded

READERS = frozenset({"botocore.credentials", "botocore.tokens"})  # modules that read or fetch credentials


def attended() -> bool:
    """Tell whether there is a terminal to type a code at."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


class NoTerminal(Exception):
    """A profile asks for an MFA code, and there is no terminal."""


def ask_for_code(prompt: str) -> str:
    """Ask for an MFA code at the terminal.

    Raises NoTerminal if there is none, and KeyboardInterrupt at the end of input: verbs end as they do for Ctrl-C.
    """
    if not attended():
        raise NoTerminal
    try:
        return getpass.getpass(prompt)
    except (EOFError, KeyboardInterrupt) as reason:
        print(file=sys.stderr)  # the question's line has no end yet
        raise KeyboardInterrupt from reason


def with_prompt(core: Any, ask: Callable[[str], str]) -> None:
    """Let a botocore session ask for MFA codes by `ask`.

    Its own way would read any standard input.
    """
    core.get_component("credential_provider").get_provider("assume-role")._prompter = ask


def with_bound(core: Any, bound: Bound) -> None:
    """Let a botocore session start credential processes by `bound`.

    Also those of a role's source profile.
    """
    resolver = core.get_component("credential_provider")
    resolver.get_provider("custom-process")._popen = bound
    builder = resolver.get_provider("assume-role")._profile_provider_builder
    made = builder._create_process_provider

    def bounded(profile_name: str) -> Any:
        provider = made(profile_name)
        provider._popen = bound
        return provider

    builder._create_process_provider = bounded


def concern(error: BaseException) -> bool:
    """Tell whether an error comes out of botocore's reading of credentials.

    What a credential process prints is parsed there without care: anything from AttributeError to JSONDecodeError.
    """
    return isinstance(error, NoTerminal | NeverEnded) or any(module in READERS for module in _modules(error))


def explain(error: BaseException) -> str:
    """Say what is wrong with the credentials.

    Nothing that was read is in it: it may hold a secret.
    """
    if isinstance(error, NoTerminal):
        return "The AWS profile asks for an MFA code, and there is no terminal to type it at"
    if isinstance(error, NeverEnded):
        return f"The AWS credentials cannot be read: {error}"
    if isinstance(error, OSError):
        return f"The AWS credentials cannot be read: {error.filename or 'their program'}: {error.strerror or error}"
    gives = f"their source gives something else ({type(error).__name__})"
    return f"The AWS credentials cannot be read: {gives}"


def _modules(error: BaseException) -> Iterator[str]:
    trace = error.__traceback__
    while trace:
        yield trace.tb_frame.f_globals.get("__name__", "")
        trace = trace.tb_next
