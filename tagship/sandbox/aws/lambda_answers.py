"""Functions, versions and aliases as Lambda's API describes them."""

from __future__ import annotations

from typing import Any

from tagship.sandbox.aws import lambda_snapstart as snapstart
from tagship.sandbox.aws.apart import AccountRegion
from tagship.sandbox.functions.function import LATEST, Alias, Function, Snapshot, Version


def arn(place: AccountRegion, name: str, qualifier: str = "") -> str:
    """Spell the ARN of a function, a version or an alias."""
    return place.arn("lambda", f"function:{name}" + (f":{qualifier}" if qualifier else ""))


def configuration(place: AccountRegion, function: Function, version: Version | None) -> dict[str, Any]:
    """Describe a version, or $LATEST, as FunctionConfiguration."""
    content = version.content if version else function.content
    number = version.number if version else LATEST
    answer: dict[str, Any] = {
        **content.settings,
        "FunctionName": function.name,
        "FunctionArn": arn(place, function.name, version.number if version else ""),
        "CodeSize": len(content.archive),
        "CodeSha256": content.code_sha256,
        "ConfigSha256": content.config_sha256,
        "Version": number,
        "PackageType": "Image" if content.image else "Zip",
        "LastModified": f"{version.modified if version else function.modified:%Y-%m-%dT%H:%M:%S.000+0000}",
        "RevisionId": version.revision if version else function.revision,
    }
    active = version is not None and version.current_state == "Active"
    answer["SnapStart"] = snapstart.described(content.settings, on=active)
    if version is None:
        return answer | _update(function)
    answer |= {"Description": version.description, "State": version.current_state, "LastUpdateStatus": "Successful"}
    return answer | _why(version)


def _why(version: Version) -> dict[str, str]:
    """Say why a version is in its state."""
    if version.current_state == "Pending":
        return {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
    return {
        **({"StateReason": version.reason} if version.reason else {}),
        **({"StateReasonCode": version.code} if version.code else {}),
    }


def code(content: Snapshot, location: str) -> dict[str, Any]:
    """Describe where code is, as FunctionCodeLocation."""
    if not content.image:
        return {"RepositoryType": "S3", "Location": location}
    repository = content.image.partition("@")[0].removesuffix(f":{content.image.rpartition(':')[2]}")
    resolved = f"{repository}@{content.digest}"
    return {"RepositoryType": "ECR", "ImageUri": content.image, "ResolvedImageUri": resolved}


def _update(function: Function) -> dict[str, Any]:
    """Describe how $LATEST's update goes."""
    answer = {"State": "Active", "LastUpdateStatus": function.update_status}
    code, reason = function.failure
    if code and not function.updating:
        answer |= {"LastUpdateStatusReasonCode": code, "LastUpdateStatusReason": reason}
    return answer


def alias(place: AccountRegion, function: Function, named: Alias) -> dict[str, Any]:
    """Describe an alias as AliasConfiguration."""
    answer: dict[str, Any] = {
        "AliasArn": arn(place, function.name, named.name),
        "Name": named.name,
        "FunctionVersion": named.version,
        "Description": named.description,
        "RevisionId": named.revision,
    }
    return answer | ({"RoutingConfig": {"AdditionalVersionWeights": dict(named.weights)}} if named.weights else {})
