"""The template of a region that follows: region.yaml, with what it takes from the templates of the first region. Pure.

So a bucket, a repository or a permission of a kind is written once, and is the same in every region.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TAKEN = re.compile(r"^  # taken from (\S+): (.+)\n", re.MULTILINE)
_ROLE = re.compile(r"!Ref (Ci|Cleanup|Rollback|Verify)\b(?!Role)")
_HOST = '!Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${HostRole}"'
_PROMOTIONS = "        # promotions: begin and end\n"  # are read from the first region alone


def regional(template: str, others: Mapping[str, str]) -> str:
    """Fill region.yaml with resources of other templates, by file name.

    Roles are those of the first region, which the template has as parameters.
    """

    def take(match: re.Match[str]) -> str:
        return "\n".join(_resource(others[match[1]], name) for name in match[2].split())

    return _TAKEN.sub(take, template)


def role_names(outputs: Mapping[str, str], unknown: str) -> dict[str, str]:
    """Choose the roles' parameters from outputs of the first region's stack.

    `unknown` stands for each while that stack is not there.
    """
    arns = {role: outputs.get(f"{role}RoleArn", "") for role in ("Ci", "Cleanup", "Rollback", "Verify")}
    names = {f"{role}Role": arn.rpartition("/")[2] for role, arn in arns.items()}
    names["HostRole"] = outputs.get("HostRole", "")
    return names if outputs else dict.fromkeys(names, unknown)


def _resource(template: str, name: str) -> str:
    """Cut a resource out, with the comments above it. Raises KeyError."""
    match = re.search(rf"^(?:  #.*\n)*  {name}:\n(?: {{4}}.*\n|\n)+", template, re.MULTILINE)
    if match is None:
        raise KeyError(name)
    text = match[0].rstrip("\n") + "\n"
    return _ROLE.sub(r"!Ref \1Role", text).replace("!GetAtt Host.Arn", _HOST).replace(_PROMOTIONS, "")
