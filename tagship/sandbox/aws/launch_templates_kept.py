"""Versions of launch templates that are there: described a page at a time, and deleted.

Follows https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteLaunchTemplateVersions.html. Stock moto deletes
none, and has no pages. A version's number is its place in moto's list: one that is deleted stays in that, unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidLaunchTemplateVersionNotFound
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.responses import EC2Response

from tagship.sandbox.aws import stock

DELETED = "_tagship_deleted"  # on a version
MOST = 200  # versions that a request deletes, and a page


def replace_operations() -> None:
    """Replace moto's operations."""
    stock.replace(EC2Response, "delete_launch_template_versions", _deleting)
    stock.replace(EC2Response, "describe_launch_template_versions", _describing)
    stock.replace(LaunchTemplate, "get_version", _getting)


def _getting(original: Any) -> Callable[..., Any]:
    def get_version(self: Any, num: Any) -> Any:
        version = original(self, num)
        if hasattr(version, DELETED):
            raise InvalidLaunchTemplateVersionNotFound(template_id=self.id, version=num)
        return version

    return get_version


def _template(request: Any) -> Any:
    id_, name = request._get_param("LaunchTemplateId"), request._get_param("LaunchTemplateName")
    backend = request.ec2_backend
    return backend.get_launch_template(id_) if id_ else backend.get_launch_template_by_name(name)


def _describing(_original: Any) -> Callable[[Any], ActionResult]:
    def describe_launch_template_versions(self: Any) -> ActionResult:
        from tagship.sandbox.aws.launch_templates import described

        template, wanted = _template(self), self._get_param("Versions", [])
        low = self._get_int_param("MinVersion") or 0
        high = self._get_int_param("MaxVersion") or len(template.versions)
        versions = [template.get_version(number) for number in wanted] or [
            version for version in template.versions if not hasattr(version, DELETED) and low <= version.number <= high
        ]
        first, most = int(self._get_param("NextToken") or 0), self._get_int_param("MaxResults") or MOST
        more = {"NextToken": str(first + most)} if first + most < len(versions) else {}
        rows = [described(template, version) for version in versions[first : first + most]]
        return ActionResult({"LaunchTemplateVersions": rows, **more})

    return describe_launch_template_versions


def _deleting(_original: Any) -> Callable[[Any], ActionResult]:
    def delete_launch_template_versions(self: Any) -> ActionResult:
        template, numbers = _template(self), self._get_param("Versions", [])
        if len(numbers) > MOST:
            raise EC2ClientError("InvalidParameterValue", f"At most {MOST} versions are deleted at a time.")
        gone, failed = list[Any](), list[Any]()
        for number in numbers:
            code = _why_not(template, int(number))
            row = {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "VersionNumber": int(number)}
            if code:
                failed.append({**row, "ResponseError": {"Code": code[0], "Message": code[1]}})
            else:
                setattr(template.versions[int(number) - 1], DELETED, True)
                gone.append(row)
        return ActionResult(
            {"SuccessfullyDeletedLaunchTemplateVersions": gone, "UnsuccessfullyDeletedLaunchTemplateVersions": failed}
        )

    return delete_launch_template_versions


def _why_not(template: Any, number: int) -> tuple[str, str] | None:
    if number == template.default_version_number:
        return "unexpectedError", f"Could not delete version {number}: it is the default version."
    if number > len(template.versions) or hasattr(template.versions[number - 1], DELETED):
        return "launchTemplateVersionDoesNotExist", f"Could not find the version {number}."
    return None
