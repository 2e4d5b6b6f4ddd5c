"""The part of GitHub's OpenAPI description that tests/contract/test_github_description.py holds tagship to.

`npm pack @octokit/openapi@VERSION`, unpack it, then: python -m scripts.github_description package/
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PLACE = Path("tests/data/github/openapi.json")
REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = (
    "GET ",
    *("GET /deployments", "POST /deployments"),
    *("GET /deployments/{deployment_id}/statuses", "POST /deployments/{deployment_id}/statuses"),
    *("GET /commits/{ref}/statuses", "POST /statuses/{sha}"),
    *("GET /commits/{ref}/check-runs", "POST /check-runs", "GET /check-runs/{check_run_id}/annotations"),
    *("GET /issues", "POST /issues", "PATCH /issues/{issue_number}", "POST /issues/{issue_number}/labels"),
    *("GET /issues/{issue_number}/comments", "POST /issues/{issue_number}/comments"),
    *("GET /releases/tags/{tag}", "POST /releases", "GET /git/ref/{ref}"),
    *("GET /actions/runs", "GET /actions/runs/{run_id}", "GET /actions/runs/{run_id}/jobs"),
    "POST /actions/runs/{run_id}/rerun",
    *("GET /environments/{environment_name}", "GET /environments/{environment_name}/deployment-branch-policies"),
    "GET /attestations/{subject_digest}",
    *("GET /pulls", "GET /pulls/{pull_number}", "GET /commits/{commit_sha}/pulls"),
    *("GET /pulls/{pull_number}/commits", "GET /commits/{ref}"),
)
KEPT = {
    *("type", "properties", "required", "items", "enum", "oneOf", "anyOf", "allOf", "additionalProperties"),
    *("maxLength", "minLength", "maxItems"),
}
DEEP, SHALLOW = 5, 2  # of what is sent, and of what is answered


def trimmed(schema: Any, most: int, depth: int = 0) -> Any:
    """A schema without words, and without what is nested deeper than that."""
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key in KEPT}
    if schema.get("nullable"):  # OpenAPI 3.0's own word, in JSON Schema's
        kept |= {"type": [schema["type"], "null"]} if "type" in schema else {}
        kept |= {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    if depth > most:
        return {key: value for key, value in kept.items() if key not in {"properties", "items", "required"}}
    for key, value in kept.items():
        if key == "properties":
            kept[key] = {name: trimmed(one, most, depth + 1) for name, one in value.items()}
        elif key in {"oneOf", "anyOf", "allOf"}:
            kept[key] = [trimmed(one, most, depth + 1) for one in value]
        elif isinstance(value, dict):
            kept[key] = trimmed(value, most, depth + 1)
    return kept


def operation(described: Any) -> dict[str, Any]:
    """One operation's query, body and answers."""
    query = [one for one in described.get("parameters", ()) if one["in"] == "query"]
    kept: dict[str, Any] = {"query": {one["name"]: trimmed(one["schema"], SHALLOW) for one in query}}
    if "requestBody" in described:
        kept["body"] = trimmed(described["requestBody"]["content"]["application/json"]["schema"], DEEP)
    answers = {code: answer for code, answer in described["responses"].items() if code.startswith("2")}
    kept["answers"] = {
        code: trimmed(answer.get("content", {}).get("application/json", {}).get("schema"), SHALLOW)
        for code, answer in answers.items()
    }
    return kept


def main(package: Path) -> None:
    """Write the part of an unpacked package."""
    whole = json.loads((package / "generated/api.github.com.deref.json").read_bytes())
    version = json.loads((package / "package.json").read_bytes())["version"]
    parts = {}
    for line in OPERATIONS:
        method, _, path = line.partition(" ")
        parts[line] = operation(whole["paths"][REPOSITORY + path][method.lower()])
    text = json.dumps({"package": f"@octokit/openapi {version}", "operations": parts}, sort_keys=True)
    PLACE.write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
