"""Stock moto: what it keeps, and how an operation of it is replaced.

Both are global to the process, and moto offers no other way: its backends are dictionaries of its modules, and its
operations are methods of classes that its own dispatcher finds. Everything of the sandbox that touches either goes
through here.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

ORIGINAL = "_tagship_original"  # on a replacement: what it replaces


def backend(service: Any, region: str, account: str = DEFAULT_ACCOUNT_ID) -> Any:
    """Return what moto keeps for a service."""
    # Of a region, or, for S3 and IAM, of a partition ("aws").
    return get_backend(service)[account][region]


def bucket(name: str) -> Any:
    """Return a bucket of whatever account; None without one."""
    partition, account = s3_backends.bucket_accounts.get(name, ("", ""))
    return s3_backends[account][partition].buckets.get(name) if account else None


def bucket_owner(name: str) -> tuple[str, str]:
    """Return a bucket's account and its policy; empty without one."""
    account = s3_backends.bucket_accounts.get(name, ("", ""))[1]
    owned = bucket(name)
    policy = owned.policy if owned else None
    return account, policy.decode() if isinstance(policy, bytes) else policy or ""


def route(service: str, path: str, act: Callable[..., Any]) -> None:
    """Add a path of a function's that moto has no operation at."""
    paths = import_module(f"moto.{service}.urls").url_paths
    paths[rf"{{0}}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/{path}/?$"] = act


def replace(owner: type, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a class's method by `make(original)`; without one, by `make(None)`.

    A replacement from before is replaced, not wrapped.
    """
    current = getattr(owner, name, None)
    original = getattr(current, ORIGINAL, current)
    replacement = make(original)
    setattr(replacement, ORIGINAL, original)
    setattr(owner, name, replacement)
