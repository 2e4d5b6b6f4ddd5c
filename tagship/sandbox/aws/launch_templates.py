"""Versions of launch templates as EC2 makes them, where stock moto does not.

Follows https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html: a version starts
from its source and takes what is given, a client token that is used again gives the version that is there, user data
is at most 16 KB, and a description at most 255 characters. Does not model: Filters.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response
from moto.ec2.utils import parse_user_data

from tagship.sandbox.aws import launch_templates_kept, stock
from tagship.sandbox.world import World

LIMIT = 16 * 1024  # bytes of user data
DESCRIPTION = 255  # characters
TOKENS = "_tagship_tokens"  # on a template: client token -> what was asked, and the version's number


def install(world: World) -> None:  # noqa: ARG001 (moto keeps the templates)
    """Replace moto's operation."""
    stock.replace(EC2Response, "create_launch_template_version", _wrapped)
    launch_templates_kept.replace_operations()


def _wrapped(_original: Any) -> Callable[[Any], ActionResult]:
    def create_launch_template_version(self: Any) -> ActionResult:
        ask = self._get_param
        id_, name = ask("LaunchTemplateId"), ask("LaunchTemplateName")
        backend = self.ec2_backend
        template = backend.get_launch_template(id_) if id_ else backend.get_launch_template_by_name(name)
        asked = (ask("SourceVersion"), ask("VersionDescription") or "", ask("LaunchTemplateData", {}))
        version = _version(template, ask("ClientToken"), *asked)
        return ActionResult({"LaunchTemplateVersion": described(template, version)})

    return create_launch_template_version


def _version(template: Any, token: str | None, source: str | None, description: str, data: dict[str, Any]) -> Any:
    """Make a version, or find the one that a token made."""
    tokens: dict[str, Any] = vars(template).setdefault(TOKENS, {})
    asked = repr((source, description, data))
    if token in tokens:
        if tokens[token][0] != asked:
            raise EC2ClientError("IdempotentParameterMismatch", "The token was used with other parameters.")
        return template.get_version(tokens[token][1])
    if len(description) > DESCRIPTION:
        raise EC2ClientError("InvalidParameterValue", f"VersionDescription is longer than {DESCRIPTION} characters.")
    if "UserData" in data:
        if len(base64.b64decode(data["UserData"])) > LIMIT:
            raise EC2ClientError("InvalidUserData.Malformed", f"User data is limited to {LIMIT} bytes.")
        data = {**data, "UserData": parse_user_data(data["UserData"])}
    before = template.get_version(source).data if source else {}
    version = template.create_version({**before, **data}, description)
    if token:
        tokens[token] = asked, version.number
    return version


def described(template: Any, version: Any) -> dict[str, Any]:
    """Render a version."""
    return {
        "CreateTime": version.create_time,
        "CreatedBy": f"arn:aws:iam::{template.ec2_backend.account_id}:root",
        "DefaultVersion": template.is_default(version),
        "LaunchTemplateData": version.data,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionDescription": version.description,
        "VersionNumber": version.number,
    }
