"""GitHub's deployments, statuses, checks, issues, comments, releases. Each is looked for before it is made: none twice.

https://docs.github.com/rest/deployments, https://docs.github.com/rest/commits/statuses, https://docs.github.com/rest/issues,
https://docs.github.com/rest/checks/runs, https://docs.github.com/rest/releases
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tagship.adapters.github_client import OURS, Client
from tagship.domain import markdown
from tagship.domain.news import News, Stage

Answer = Mapping[str, Any]
MISSING = 404
LONGEST_NAME = 100  # characters of a check run's name
PAGE = 100  # rows
STATUSES = {"success": "success", "failure": "failure", "error": "error", "in_progress": "pending"}


@dataclass(frozen=True)
class GitHubBoard:
    """One repository's pages."""

    client: Client

    def deployment(self, news: News) -> None:
        earlier = next((made for made in self._deployments(news) if _is_of(made, news)), None)
        path = f"/deployments/{(earlier or self._made(news))['id']}/statuses"
        statuses: Sequence[Answer] = self._get(path) if earlier else ()
        if any(status["state"] == news.outcome for status in statuses):
            return
        texts = {"description": news.description, "log_url": news.run_url, "environment_url": news.url}
        self._post(path, {"state": news.outcome, **{name: text for name, text in texts.items() if text}})

    def _deployments(self, news: News) -> Sequence[Answer]:
        query = urlencode({"sha": news.commit, "environment": news.environment_on_github, "per_page": 100})
        deployments: Sequence[Answer] = self._get(f"/deployments?{query}")
        return deployments

    def _made(self, news: News) -> Answer:
        return self._post(
            "/deployments",
            {
                "ref": news.commit,
                "environment": news.environment_on_github,
                "description": news.version,
                "payload": {"tagship": news.id, "version": news.version},
                "auto_merge": False,  # nor are other checks asked: it has happened already
                "required_contexts": [],
            },
        )

    def status(self, news: News) -> None:
        wanted = {
            "context": f"{OURS}{news.environment_on_github}",
            "state": STATUSES[news.outcome],
            "description": news.description,
            "target_url": news.run_url,
        }
        path = f"/commits/{quote(news.commit, safe='')}/statuses?per_page=100"
        last = next((made for made in self._get(path) if made["context"] == wanted["context"]), None)
        if last is None or any((last.get(name) or "") != text for name, text in wanted.items()):
            self._post(
                f"/statuses/{quote(news.commit, safe='')}", {name: text for name, text in wanted.items() if text}
            )

    def checks(self, news: News) -> None:
        for stage in news.stages:
            name, id_ = (
                f"{OURS}{news.environment_on_github}: {stage.name}"[:LONGEST_NAME],
                f"{news.id}/{news.state}/{stage.name}",
            )
            query = urlencode({"check_name": name, "filter": "latest", "per_page": 100})
            runs = self._get(f"/commits/{quote(news.commit, safe='')}/check-runs?{query}")["check_runs"]
            if not any((run["external_id"], run["conclusion"]) == (id_, stage.conclusion) for run in runs):
                self._post("/check-runs", _check(news, stage, name, id_))

    def release(self, news: News) -> str:
        tag = news.tag or news.version
        path = quote(tag, safe="/")
        if self.client.ask("GET", f"/git/ref/tags/{path}", absent=True).status_code == MISSING:
            return ""  # GitHub would make the tag
        if self.client.ask("GET", f"/releases/tags/{path}", absent=True).status_code != MISSING:
            return ""
        # Notes that GitHub writes begin at the release before, which may be another app's.
        wanted = {
            "tag_name": tag,
            "name": tag,
            "body": news.headline,
            "generate_release_notes": not news.shares_repository,
        }
        return str(self._post("/releases", wanted)["html_url"])

    def issue(self, news: News) -> str:
        open_ = self._open(news)
        if news.is_bad:
            return self._add(open_, news) if open_ else str(self._post("/issues", _issue(news))["html_url"])
        if news.is_good and open_:
            self._add(open_, news)
            self.client.ask("PATCH", f"/issues/{open_['number']}", {"state": "closed", "state_reason": "completed"})
            return str(open_["html_url"])
        return ""

    def _open(self, news: News) -> Answer | None:
        """Find the environment's open issue; a mark says that it is ours."""
        query = urlencode({"state": "open", "labels": f"deployment,{news.environment}", "per_page": 100})
        issues: Sequence[Answer] = self._get(f"/issues?{query}")
        return next((issue for issue in issues if news.place in (issue.get("body") or "")), None)

    def _add(self, issue: Answer, news: News) -> str:
        """Comment on an issue, unless it has this news already."""
        bodies = [issue.get("body") or "", *(comment["body"] for comment in self._comments(issue["number"]))]
        if not any(news.mark in body for body in bodies):
            self._post(f"/issues/{issue['number']}/comments", {"body": news.body()})
        if set(news.labels) - {label["name"] for label in issue.get("labels", ())}:
            self._post(f"/issues/{issue['number']}/labels", {"labels": news.labels})
        return str(issue["html_url"])

    def comment(self, number: int, mark: str, body: str) -> str:
        """Write a pull request's comment: https://docs.github.com/rest/issues/comments.

        Ours begins with the mark, and a program wrote it: what a person wrote is never changed.
        """
        ours = next((made for made in self._comments(number) if _is_ours(made, mark)), None)
        if ours is None:
            return str(self._post(f"/issues/{number}/comments", {"body": body})["html_url"])
        if ours["body"] != body:
            self.client.ask("PATCH", f"/issues/comments/{ours['id']}", {"body": body})
        return str(ours["html_url"])

    def tried(self, pages: Sequence[str]) -> Mapping[str, str]:
        from tagship.adapters import github_trial

        return github_trial.tried(self.client, pages)

    def _comments(self, number: int) -> Iterator[Answer]:
        for page in itertools.count(1):
            rows = self._get(f"/issues/{number}/comments?per_page={PAGE}&page={page}")
            yield from rows
            if len(rows) < PAGE:
                return

    def _get(self, path: str) -> Any:
        return self.client.read("GET", path)

    def _post(self, path: str, value: object) -> Answer:
        answer: Answer = self.client.read("POST", path, value)
        return answer


def _is_ours(comment: Answer, mark: str) -> bool:
    """Tell whether a comment has that mark, and a program wrote it."""
    return str(comment.get("body", "")).startswith(mark) and (comment.get("user") or {}).get("type") == "Bot"


def _is_of(deployment: Answer, news: News) -> bool:
    payload = deployment.get("payload")
    return isinstance(payload, Mapping) and payload.get("tagship") == news.id


def _check(news: News, stage: Stage, name: str, id_: str) -> Answer:
    summary = "\n".join(markdown.paragraph(news.headline))
    run = {"details_url": news.run_url} if news.run_url else {}
    return {
        "name": name,
        "head_sha": news.commit,
        "external_id": id_,
        "status": "completed",
        "conclusion": stage.conclusion,
        "output": {"title": f"{stage.name}: {stage.conclusion}", "summary": summary},
        **run,
    }


def _issue(news: News) -> Answer:
    return {"title": news.title, "body": news.body(), "labels": news.labels}
