"""GitHub's deployments, statuses, check runs, releases and issues, as much of them as telling people takes.

Shapes are those of https://docs.github.com/rest/deployments, /rest/commits/statuses and /rest/issues, with the fields
that tagship reads. They are kept in one file. Not modelled: permissions of the token, pages beyond the first hundred.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

Row = dict[str, Any]
Answer = tuple[str, Any]
STATES = {"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}  # of a deployment
CONCLUSIONS = {"success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"}
LONGEST = 140  # characters of a description, of a status and a deployment's status


class Board:
    """What was written there.

    `page` is the repository's address for browsers; `knows` tells whether it has a commit.
    """

    def __init__(self, file: Path, page: Callable[[], str], knows: Callable[[str], object] = bool) -> None:
        self._file, self._page, self._knows, self._lock = file, page, knows, threading.Lock()
        self._routes: list[tuple[str, str, Callable[..., Answer | None]]] = [
            ("GET", r"/deployments", self._deployments),
            ("POST", r"/deployments", self._deploy),
            ("GET", r"/deployments/(\d+)/statuses", self._deployment_statuses),
            ("POST", r"/deployments/(\d+)/statuses", self._set_deployment_status),
            ("GET", r"/commits/([0-9a-f]{40})/statuses", self._statuses),
            ("POST", r"/statuses/([0-9a-f]{40})", self._set_status),
            ("GET", r"/commits/([0-9a-f]{40})/check-runs", self._checks),
            ("POST", r"/check-runs", self._check),
            ("GET", r"/releases/tags/(.+)", self._release_of),
            ("POST", r"/releases", self._release),
            ("GET", r"/issues", self._issues),
            ("POST", r"/issues", self._open),
            ("PATCH", r"/issues/(\d+)", self._change),
            ("GET", r"/issues/(\d+)/comments", self._comments),
            ("POST", r"/issues/(\d+)/comments", self._comment),
            ("PATCH", r"/issues/comments/(\d+)", self._change_comment),
            ("POST", r"/issues/(\d+)/labels", self._label),
        ]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer | None:
        """Answer a request; None if it is not about one of these."""
        for verb, pattern, handler in self._routes:
            match = re.fullmatch(pattern, path)
            if match and verb == method:
                with self._lock:
                    return handler(dict(query) if verb == "GET" else json.loads(body), *match.groups())
        return None

    # -- deployments ---------------------------------------------------------------------------------------------------

    def _deployments(self, query: Row) -> Answer:
        wanted: Row = {name: query[name] for name in ("sha", "environment") if name in query}
        return _ok(_newest(self._rows("deployments"), wanted))

    def _deploy(self, value: Row) -> Answer:
        if not self._knows(value["ref"]):
            return _refused("Deployment", f"No ref found for: {value['ref']}")
        row = {"sha": value["ref"], "payload": value.get("payload", {}), "environment": value["environment"]}
        return self._add("deployments", row | {"description": value.get("description")})

    def _deployment_statuses(self, _query: Row, number: str) -> Answer:
        return _ok(_newest(self._rows("deployment_statuses"), {"deployment": int(number)}))

    def _set_deployment_status(self, value: Row, number: str) -> Answer:
        if value["state"] not in STATES or len(value.get("description", "")) > LONGEST:
            return _refused("DeploymentStatus")
        return self._add("deployment_statuses", {"deployment": int(number), **value})

    # -- commit statuses -----------------------------------------------------------------------------------------------

    def _statuses(self, _query: Row, sha: str) -> Answer:
        return _ok(_newest(self._rows("statuses"), {"sha": sha}))

    def _set_status(self, value: Row, sha: str) -> Answer:
        known = value["state"] in {"error", "failure", "pending", "success"}
        if not self._knows(sha):
            return _refused("Status", f"No commit found for SHA: {sha}")
        if not known or len(value.get("description", "")) > LONGEST:
            return _refused("Status")
        return self._add("statuses", {"sha": sha, "target_url": None, "description": None, **value})

    # -- check runs and releases ---------------------------------------------------------------------------------------

    def _checks(self, query: Row, sha: str) -> Answer | None:
        if "check_name" not in query:
            return None  # the jobs of the commit's runs (api.py)
        runs = _newest(self._rows("check_runs"), {"head_sha": sha, "name": query["check_name"]})
        latest = runs[:1] if query.get("filter", "latest") == "latest" else runs
        return _ok({"total_count": len(latest), "check_runs": latest})

    def _check(self, value: Row) -> Answer:
        if not self._knows(value["head_sha"]):
            return _refused("CheckRun", f"No commit found for SHA: {value['head_sha']}")
        if value.get("status") == "completed" and value.get("conclusion") not in CONCLUSIONS:
            return _refused("CheckRun")
        page = f"{self._page()}/runs/{len(self._rows('check_runs')) + 1}"
        return self._add("check_runs", {"external_id": "", "html_url": page, **value})

    def _release_of(self, _query: Row, tag: str) -> Answer:
        rows = _newest(self._rows("releases"), {"tag_name": unquote(tag)})
        return _ok(rows[0]) if rows else _missing()

    def _release(self, value: Row) -> Answer:
        if not value["tag_name"] or _newest(self._rows("releases"), {"tag_name": value["tag_name"]}):
            return _refused("Release")
        page = f"{self._page()}/releases/tag/{value['tag_name']}"
        return self._add("releases", {"draft": False, "prerelease": False, "html_url": page, **value})

    # -- issues --------------------------------------------------------------------------------------------------------

    def _issues(self, query: Row) -> Answer:
        labels = set(filter(None, query.get("labels", "").split(",")))
        state = query.get("state", "open")
        issues = [row for row in self._rows("issues") if state in ("all", row["state"])]
        return _ok(_newest([row for row in issues if labels <= {label["name"] for label in row["labels"]}], {}))

    def _open(self, value: Row) -> Answer:
        if not value["title"]:
            return _refused("Issue")
        number = len(self._rows("issues")) + 1
        labels = [{"name": name} for name in value.get("labels", ())]
        row = {"number": number, "title": value["title"], "body": value.get("body"), "state": "open", "labels": labels}
        return self._add("issues", row | {"html_url": f"{self._page()}/issues/{number}"})

    def _change(self, value: Row, number: str) -> Answer:
        everything = self._read()
        issue = next(row for row in everything["issues"] if row["number"] == int(number))
        issue.update(value)
        self._write(everything)
        return _ok(issue)

    def _comments(self, query: Row, number: str) -> Answer:
        rows = [row for row in self._rows("comments") if row["issue"] == int(number)]
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        return _ok(rows[size * (page - 1) : size * page])

    def _comment(self, value: Row, number: str) -> Answer:
        """Write a comment, as a program: whoever asks has a job's token."""
        if not value["body"]:
            return _refused("IssueComment")
        place = {"html_url": f"{self._page()}/issues/{number}#issuecomment"}
        return self._add("comments", {"issue": int(number), "body": value["body"], "user": {"type": "Bot"}, **place})

    def _change_comment(self, value: Row, number: str) -> Answer:
        everything = self._read()
        comment = next((row for row in everything.get("comments", ()) if row["id"] == int(number)), None)
        if comment is None:
            return "404 Not Found", {"message": "Not Found"}
        comment["body"] = value["body"]
        self._write(everything)
        return _ok(comment)

    def _label(self, value: Row, number: str) -> Answer:
        everything = self._read()
        issue = next(row for row in everything["issues"] if row["number"] == int(number))
        names = dict.fromkeys([*(label["name"] for label in issue["labels"]), *value["labels"]])
        issue["labels"] = [{"name": name} for name in names]
        self._write(everything)
        return _ok(issue["labels"])

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _rows(self, table: str) -> list[Row]:
        rows: list[Row] = self._read().get(table, [])
        return rows

    def _add(self, table: str, row: Row) -> Answer:
        everything = self._read()
        number = sum(len(rows) for rows in everything.values()) + 1
        made = {"id": number, "created_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", **row}
        everything.setdefault(table, []).append(made)
        self._write(everything)
        return "201 Created", made

    def _read(self) -> dict[str, list[Row]]:
        everything: dict[str, list[Row]] = json.loads(self._file.read_bytes()) if self._file.is_file() else {}
        return everything

    def _write(self, everything: Mapping[str, list[Row]]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(everything), "utf-8")


def _ok(value: object) -> Answer:
    return "200 OK", value


def _missing() -> Answer:
    return "404 Not Found", {"message": "Not Found"}


def _refused(resource: str, message: str = "Validation Failed") -> Answer:
    return "422 Unprocessable Entity", {"message": message, "errors": [{"resource": resource}]}


def _newest(rows: list[Row], wanted: Mapping[str, object]) -> list[Row]:
    return [row for row in reversed(rows) if all(row[name] == value for name, value in wanted.items())][:100]
