"""SnapStart: published versions that Lambda takes a snapshot of before they can be invoked.

Follows https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html and snapstart-activate.html: a version is Pending
while its snapshot is made, and then Active with the optimization On; $LATEST has none. Images, other runtimes and
provisioned concurrency don't go with it. Does not model: that code runs once when it is published, hooks of a runtime,
the cache's price, and snapshots that are made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tagship.sandbox.aws.lambda_requests import LambdaError
from tagship.sandbox.functions.function import Snapshot, Version
from tagship.sandbox.pace import now

PUBLISHED = "PublishedVersions"
SUPPORTED = ("java", "python3.12", "python3.13", "python3.14", "dotnet8", "dotnet10")
TOO_OLD = ("java8", "java8.al2")
NOT_READY = "Lambda is initializing your function. It can be invoked when the function state becomes Active."
FAILED = ("FunctionError.RuntimeInitError", "Error: Runtime exited with error: exit status 1")


def chosen(settings: Mapping[str, Any]) -> bool:
    """Tell whether a function's versions get snapshots."""
    return bool((settings.get("SnapStart") or {}).get("ApplyOn") == PUBLISHED)


def described(settings: Mapping[str, Any], *, on: bool) -> dict[str, str]:
    """Describe it as SnapStartResponse; `on` for an active version."""
    applied = chosen(settings)
    return {
        "ApplyOn": PUBLISHED if applied else "None",
        "OptimizationStatus": "On" if applied and on else "Off",
    }


def check(content: Snapshot) -> None:
    """Refuse what has no snapshots. Raises LambdaError."""
    if not chosen(content.settings):
        return
    runtime = str(content.settings.get("Runtime", ""))
    refused = "ContainerImage" if content.image else runtime
    if content.image or runtime in TOO_OLD or not runtime.startswith(SUPPORTED):
        raise LambdaError(
            "InvalidParameterValueException", f"{refused} is not supported for SnapStart enabled functions."
        )


def begin(version: Version, seconds: float, *, fails: bool) -> None:
    """Begin a new version's snapshot."""
    if not chosen(version.content.settings):
        return
    version.ready = now() + timedelta(seconds=seconds)
    if fails:
        version.state, (version.code, version.reason) = "Failed", FAILED


def not_ready() -> LambdaError:
    """Build the error of an invocation that comes too early."""
    return LambdaError("SnapStartNotReadyException", NOT_READY, 409)
