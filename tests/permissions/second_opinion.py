"""The same requests, judged by iam-simulate: it knows which resources and context keys an action has.

What stands in requests.py is ours, and so is the evaluator. Without node and the packages of scripts/lint, which
`make lint` installs, there is a warning and no second opinion.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from collections.abc import Sequence
from pathlib import Path

from tests.permissions.roles import Minutes, Role

LINT = Path(__file__).parents[2] / "scripts/lint"


def judged_otherwise(minutes: Minutes, roles: Sequence[Role], file: Path) -> str:
    """What iam-simulate says of the requests that it judges otherwise; empty: nothing."""
    node = shutil.which("node")
    if not node or not (LINT / "node_modules/@cloud-copilot/iam-simulate").is_dir():
        warnings.warn("no second opinion: node or scripts/lint/node_modules is not here (make lint)", stacklevel=2)
        return ""
    known = {role.name: role for role in roles}
    requests = [
        {
            "role": role,
            "action": request.action,
            "resource": request.resource,
            "context": request.context,
            "allowed": allowed,
        }
        for (role, request, _), allowed in minutes.asked.items()
        if role in known
    ]
    assert len(requests) > 100
    policies = {name: {"arn": role.arn, "statements": role.statements} for name, role in known.items()}
    file.write_text(json.dumps({"requests": requests, "policies": policies, "buckets": roles[0].buckets}), "utf-8")
    done = subprocess.run([node, str(LINT / "iam.mjs"), str(file)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
