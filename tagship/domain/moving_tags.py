"""Which tags of a repository ECR lets move: those that a filter of the repository names. Pure.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html: five filters, in which * stands for
any characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

PLACE = "{environment}"
CACHE = "cache-*"  # of a build
MOST = 4  # beside the cache's


def filters(moving: Iterable[tuple[str, str]], fixed: Sequence[str]) -> list[str] | None:
    """Choose the filters that let tags move.

    `moving` are pairs: a tag of the settings, such as latest-{environment}, and an environment. If those are too many,
    {environment} becomes *. None if they are too many even so, or if one would let a tag of `fixed` move, too.
    """
    pairs = list(moving)
    named = list(dict.fromkeys(tag.replace(PLACE, environment) for tag, environment in pairs))
    if len(named) <= MOST:
        return named
    wide = list(dict.fromkeys(tag.replace(PLACE, "*") for tag, _ in pairs))
    moved = [tag for tag in fixed if any(fnmatchcase(tag, pattern) for pattern in wide)]
    return None if moved or len(wide) > MOST else wide
