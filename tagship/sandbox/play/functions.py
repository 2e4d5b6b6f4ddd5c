"""The functions that the settings name: a sandbox has no infrastructure that would make them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

from tagship.domain.package import member
from tagship.settings import Settings
from tagship.settings.lambda_ import Lambda

HANDLER = "app.handler"  # of a function whose settings leave the handler to infrastructure
RUNTIME, ROLE = "python3.12", "arn:aws:iam::123456789012:role/sandbox-function"
PLACEHOLDER = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'nothing is deployed yet'}\n"


def seed(settings: Settings, client: Callable[[str], Any]) -> None:
    """Create each function, with code that says that nothing is deployed."""
    tables = [environment.runs_on(Lambda) for environment in settings.environments.values()]
    for table in tables:
        for name, function in table.functions.items() if table else ():
            client("lambda").create_function(
                FunctionName=name,
                Runtime=RUNTIME,
                Role=ROLE,
                Handler=function.handler or HANDLER,
                Timeout=10,
                Code={"ZipFile": _placeholder()},
            )


def _placeholder() -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(member("app.py", executable=False), PLACEHOLDER)
    return raw.getvalue()
