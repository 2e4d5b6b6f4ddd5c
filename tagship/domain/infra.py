"""What an infrastructure tool gets to know of an artifact, and which of its outputs may be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tagship.errors import UsageError

if TYPE_CHECKING:
    from tagship.domain.manifest import Manifest

NAMES = frozenset(
    {
        "ARTIFACT_ID",
        "COMMIT_SHA",
        "DEPLOYMENT_BUCKET",
        "DEPLOYMENT_KEY",
        "ENVIRONMENT",
        "IMAGE_DIGEST",
        "IMAGE_TAG",
        "IMAGE_URI",
    }
)
TWIN = "TF_VAR_"


@dataclass(frozen=True)
class Output:
    """One output of a tool: any JSON value."""

    value: object
    sensitive: bool = False


def exported(manifest: Manifest, bucket: str, variables: Mapping[str, str]) -> dict[str, str | None]:
    """List a tool's variables: the artifact's and settings', with Terraform twins.

    Terraform reads `TF_VAR_image_digest` as the variable `image_digest`, and ignores one that the configuration does
    not declare. IMAGE_URI is the image by digest. None unsets a variable: an IMAGE_TAG of another build that a machine
    happens to have set never counts as this artifact's.
    """
    ours = named(manifest, bucket)
    twins = {TWIN + name.lower(): value for name, value in ours.items()}
    own = {name: value for key, value in variables.items() for name in (key, TWIN + key)}
    return {**own, **ours, **twins}


def named(manifest: Manifest, bucket: str) -> dict[str, str | None]:
    """List the variables that name an artifact; None unsets one."""
    image = manifest.image
    several = {
        f"IMAGE_{part}_{name.upper().replace('-', '_')}": text
        for name, ref in manifest.images.items()
        for part, text in (("URI", ref.by_digest), ("TAG", ref.tag), ("DIGEST", ref.digest))
    }
    return several | {
        "ARTIFACT_ID": manifest.artifact_id,
        "COMMIT_SHA": manifest.commit,
        "DEPLOYMENT_BUCKET": bucket,
        "DEPLOYMENT_KEY": manifest.bundle.key,
        "ENVIRONMENT": manifest.environment,
        "IMAGE_DIGEST": image.digest if image else None,
        "IMAGE_TAG": image.tag if image else None,
        "IMAGE_URI": image.by_digest if image else None,
    }


def placed(command: Sequence[str], manifest: Manifest, bucket: str) -> list[str]:
    """Put an artifact's names into a command: {DEPLOYMENT_KEY}, {images.api}.

    {images.api} is that image by digest. A word in braces that is no name stays as it is. Raises UsageError for an
    image that the artifact does not have: nothing is run with an empty name.
    """
    names = {f"{{{name}}}": value for name, value in named(manifest, bucket).items()}
    names |= {f"{{images.{name}}}": ref.by_digest for name, ref in manifest.images.items()}

    def put(match: re.Match[str]) -> str:
        name = match[0]
        value = names.get(name, None if name.startswith("{images.") else name)
        if value is None:
            raise UsageError(
                f"infra.command has {name}, and {manifest.artifact_id} has no such image.",
                remedy=f"It has: {', '.join(sorted(manifest.images)) or 'no images with names'}",
            )
        return value

    return [re.sub(r"\{(?:[A-Z_]+|images\.[a-z0-9-]+)\}", put, word) for word in command]


def without_artifact(environment: str, bucket: str, variables: Mapping[str, str]) -> dict[str, str | None]:
    """List a tool's variables before there is any artifact.

    The settings', and where things are; all that names an artifact is taken away.
    """
    ours: dict[str, str | None] = dict.fromkeys(NAMES) | {"ENVIRONMENT": environment, "DEPLOYMENT_BUCKET": bucket}
    twins = {TWIN + name.lower(): value for name, value in ours.items()}
    return {name: value for key, value in variables.items() for name in (key, TWIN + key)} | ours | twins


HIDDEN = "[secret]"  # what Pulumi writes in place of a secret output without --show-secrets


def read_outputs(text: str, tool: str = "") -> dict[str, Output]:
    """Read the outputs that a tool wrote as JSON. Raises ValueError.

    As `terraform output -json` (values with `sensitive`), `pulumi stack output --json` (names and values), or
    `cdk deploy --outputs-file` (a table a stack, whose names are taken: of two stacks they have to differ). CDK's
    values are texts, as CloudFormation's are. Tables of texts alone may be Pulumi's too: the `tool`'s name decides.
    """
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("no table of names and values")
    tables = [value for value in values.values() if isinstance(value, dict)]
    if tables and all("value" in table and "sensitive" in table for table in tables):
        return {name: Output(value["value"], bool(value["sensitive"])) for name, value in values.items()}
    of_stacks = all(isinstance(text, str) for table in tables for text in table.values())
    if len(tables) < len(values) or not values or not of_stacks or "pulumi" in tool:
        return {name: _of_pulumi(value) for name, value in values.items()}
    names = [name for table in tables for name in table]
    if len(set(names)) < len(names):
        raise ValueError("two stacks have an output of the same name")
    return {name: Output(value) for table in tables for name, value in table.items()}


def _of_pulumi(value: object) -> Output:
    return Output(None, sensitive=True) if value == HIDDEN else Output(value)


def shown(outputs: Mapping[str, Output]) -> dict[str, dict[str, object]]:
    """Prepare outputs for printing: a sensitive one by its name alone."""
    return {
        name: {"sensitive": output.sensitive, "value": None if output.sensitive else output.value}
        for name, output in sorted(outputs.items())
    }
