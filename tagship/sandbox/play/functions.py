"""The functions that the settings name: a sandbox has no infrastructure that would make them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tagship.domain.outputs import PLACE
from tagship.domain.package import member
from tagship.settings import Settings
from tagship.settings.lambda_ import Function, Lambda

HANDLER = "app.handler"  # of a function whose settings leave the handler to infrastructure
RUNTIME, ROLE = "python3.12", "arn:aws:iam::123456789012:role/sandbox-function"
NOTHING = f"sha256:{64 * '0'}"  # the digest of an image that no build makes
PLACEHOLDER = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'nothing is deployed yet'}\n"


def seed(settings: Settings, client: Callable[[str], Any], images: Path) -> None:
    """Create each function, with code that says that nothing is deployed.

    `images` is the folder of the sandbox's images.
    """
    for place, environment in settings.environments.items():
        table = environment.runs_on(Lambda)
        for name, function in table.functions.items() if table else ():
            if PLACE.search(name):  # infrastructure decides it, and makes it
                continue
            client("lambda").create_function(
                FunctionName=name,
                Role=ROLE,
                Timeout=10,
                **(_of_image(_repository(settings, place, function), images) if function.image else _of_zip(function)),
            )


def _repository(settings: Settings, environment: str, function: Function) -> str:
    return settings.images_of(environment)[function.image_name].repository


def _of_zip(function: Function) -> dict[str, Any]:
    return {
        "Runtime": RUNTIME,
        "Handler": function.handler or HANDLER,
        "Code": {"ZipFile": _placeholder()},
    }


def _of_image(repository: str, images: Path) -> dict[str, Any]:
    """Keep an image that says that nothing is deployed, and name it."""
    place = images / NOTHING.replace(":", "-")
    (place / "root").mkdir(parents=True, exist_ok=True)
    (place / "root/app.py").write_text(PLACEHOLDER, "utf-8")
    config = {"folder": "/", "variables": {}, "command": [HANDLER], "passed_over": [], "labels": {}}
    (place / "config.json").write_text(json.dumps(config), "utf-8")
    return {"PackageType": "Image", "Code": {"ImageUri": f"{repository}@{NOTHING}"}}


def _placeholder() -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(member("app.py", executable=False), PLACEHOLDER)
    return raw.getvalue()
