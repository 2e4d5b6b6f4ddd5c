"""The keys that an account has for an app, and the files of their public halves.

A key for each environment and purpose, made with the environment's stack, where the settings say so by `{environment}`;
a key that environments share is made with the app's stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from tagship.domain import commands
from tagship.domain.foundation import MADE_BY_US, stack_name
from tagship.domain.keys import ORDERS, RELEASE, public_keys, same_key, with_first
from tagship.domain.text import either
from tagship.errors import Refused
from tagship.ports.app import Account
from tagship.settings.previews import PREVIEWS, place_of_keys
from tagship.settings.tables import PLACE


@dataclass(frozen=True)
class KeyFile:
    """A key in KMS, and the file of its public half.

    `environment` is empty if environments share the key.
    """

    key: str
    file: str
    environment: str = ""


def key_files(app: Account) -> Sequence[KeyFile]:
    """List the keys in KMS that the settings name; once each."""
    # A PEM file's owner made both halves; the sandbox has pairs of its own.
    signing = app.settings.signing
    if not signing or app.settings.sandbox:
        return []
    places = dict.fromkeys(place_of_keys(app.settings, name) for name in app.settings.environments)
    if app.settings.previews.environment:
        places[PREVIEWS] = None
    named = [(signing.pair(name, purpose), name, purpose) for name in places for purpose in PURPOSES]
    files = [
        KeyFile(*pair, name if PLACE in (signing.order_key if signing.has_own(purpose) else signing.key) else "")
        for pair, name, purpose in named
    ]
    return list(dict.fromkeys(file for file in files if file.key.startswith("kms:")))


PURPOSES = (RELEASE, ORDERS)


def key_problems(app: Account) -> Iterator[str]:
    """Say what the settings' keys let people do that they need not."""
    signing = app.settings.signing
    if not signing or not signing.key.startswith("kms:"):
        return
    if PLACE not in signing.key and len(app.settings.environments) > 1:
        yield f"the environments share {signing.key}: who may ship to one of them can sign for all"
    hosts = any(environment.target.has_hosts for environment in app.settings.environments.values())
    if hosts and not signing.has_own(ORDERS):
        yield "there is no signing.order_key: a rollback by hand can't sign the pointer of hosts that boot"


def stack_keys(app: Account, environment: str, shared: str, before: Mapping[str, str]) -> dict[str, str]:
    """Choose an environment's parameters about keys.

    `shared` is the ARN of the key that environments share. What this stack made stays part of it; another that the
    account has is used and left alone.
    """
    signing = app.settings.signing
    release, orders = (signing.pair(environment, purpose)[0] if signing else "" for purpose in PURPOSES)
    own = signing is not None and PLACE in signing.key
    arn, alias = _made_or_given(app, release, before.get("ReleaseKeyAlias", "")) if own else (shared, "")
    order_arn, order_alias = "none", ""
    if signing and signing.has_own(ORDERS):
        order_arn, order_alias = _made_or_given(app, orders, before.get("OrderKeyAlias", ""))
    return {"KeyArn": arn, "ReleaseKeyAlias": alias, "OrderKeyArn": order_arn, "OrderKeyAlias": order_alias}


def _made_or_given(app: Account, key: str, made: str) -> tuple[str, str]:
    """Return an existing key's ARN, or the alias to make."""
    alias = key.removeprefix("kms:") if key.startswith("kms:alias/") else ""
    if alias and alias == made:
        return "none", alias
    arn = app.foundation.key(key)
    return (arn, "") if arn else ("none", alias)


# -- the public halves -------------------------------------------------------------------------------------------------


def wanted_files(app: Account) -> Iterator[tuple[KeyFile, str, str]]:
    """Compare each file's text with what it should be.

    The account's key is put first, and signs; those there were before still count. Raises Refused for a file that has
    a stranger's key: nothing here made it.
    """
    for file in key_files(app):
        path = app.root / file.file
        current = path.read_text("utf-8", errors="replace") if path.is_file() else ""
        made_by = stack_name(app.settings.app, file.environment)
        rotates = file.environment and app.foundation.stack(made_by) is not None
        if not app.foundation.key(file.key):
            if current and not rotates:
                raise _another_key(file, "which does not exist yet")
            yield file, current, MADE_BY_US.format(made_by) + "\n" + current
            continue
        wanted = app.foundation.public_key(file.key)
        if current and not same_key(_first(current), wanted):
            if not rotates:
                raise _another_key(file, "as the account has it")
            wanted = with_first(current, wanted)
        yield file, current, wanted if not same_key(_first(current), wanted) else current


def _first(text: str) -> str:
    try:
        return next(iter(public_keys(text).values()))
    except ValueError:
        return text


def _another_key(file: KeyFile, which: str) -> Refused:
    return Refused(
        f"{file.file} is not the public half of {file.key}, {which}.",
        remedy=either(
            f"If you changed the key on purpose: rm {quote(file.file)} && {commands.setup()}",
            f"Then pin the new one: {commands.pin(file.environment)}",
        ),
    )
