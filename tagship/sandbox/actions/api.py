"""GitHub's REST API, as much of it as following a run takes, and a page for each run at its html_url.

Shapes are those of https://docs.github.com/rest/actions and /rest/checks, with the fields that PyGithub reads. Every
job is a check run of the same id, as on GitHub. The token has to be the run's;
the pages take none, as a browser has none: their address is a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from tagship.sandbox import web
from tagship.sandbox.actions.board import Board
from tagship.sandbox.actions.origin import commit_of
from tagship.sandbox.actions.pulls import Pulls
from tagship.sandbox.actions.records import JobRecord, Records, RunRecord
from tagship.sandbox.actions.refusals import Forbidden, NotFound, Unauthorized
from tagship.sandbox.actions.triggers import Triggers
from tagship.sandbox.door.keys import Keys, same
from tagship.sandbox.web import Environ, StartResponse

Query = dict[str, str]


class GitHub:
    """A WSGI application under /github/. The runner lends it its records."""

    def __init__(
        self,
        repository: str,
        origin: Path,
        records: Records,
        cancel: Callable[[int], bool],
        rerun: Callable[[int], bool],
        *,
        keys: Keys,
        triggers: Triggers | None = None,
        pulls: Pulls | None = None,
    ) -> None:
        self.repository, self.origin, self.records = repository, origin, records
        self.cancel, self.rerun, self.triggers = cancel, rerun, triggers
        self.pulls = pulls or Pulls()
        self.base, self.keys, self.top = "", keys, f"/github/{keys.page}"
        self.board = Board(
            records.folder / "board.json", lambda: f"{self.base}/{repository}", partial(commit_of, origin)
        )
        self.routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", r"", self._repository),
            ("GET", r"/actions/runs", self._runs),
            ("GET", r"/actions/runs/(\d+)", self._one_run),
            ("GET", r"/actions/runs/(\d+)/jobs", self._jobs),
            ("POST", r"/actions/runs/(\d+)/cancel", self._cancel),
            ("POST", r"/actions/runs/(\d+)/rerun", self._rerun),
            ("GET", r"/actions/jobs/(\d+)", self._one_job),
            ("GET", r"/check-runs/(\d+)", self._check_run),
            ("GET", r"/check-runs/(\d+)/annotations", self._annotations),
            *self.pulls.routes(),
            ("GET", r"/commits/([^/]+)", self._commit),
            ("GET", r"/git/ref/(.+)", self._ref),
            ("GET", r"/commits/([^/]+)/check-runs", self._check_runs),
        ]

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        self.base = f"http://{environ['HTTP_HOST']}{self.top}"
        query = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        try:
            path = self._path(environ)
            if not path.startswith("/repos/"):
                return web.text(start_response, "200 OK", self._page(path))
            own = f"/repos/{self.repository}"
            if path != own and not path.startswith(f"{own}/"):
                raise NotFound
            method, below, body = environ["REQUEST_METHOD"], path.removeprefix(own), environ["wsgi.input"].read()
            started = self.triggers.answer(method, below, body) if self.triggers else None
            written = started or self.board.answer(method, below, query, body)
            status, value = written or self._route(method, below, query)
            return web.answer(start_response, status, value)
        except Unauthorized as reason:
            return web.answer(start_response, "401 Unauthorized", {"message": str(reason), "status": "401"})
        except Forbidden as reason:
            return web.answer(start_response, "403 Forbidden", {"message": str(reason), "status": "403"})
        except NotFound:
            return web.answer(start_response, "404 Not Found", {"message": "Not Found", "status": "404"})

    def _path(self, environ: Environ) -> str:
        """Return the path below our own; raise Unauthorized for strangers."""
        _, _, page, *rest = environ["PATH_INFO"].split("/")
        path = "/".join(["", *rest]).rstrip("/")
        is_known = self.keys.admits(environ.get("HTTP_AUTHORIZATION", ""))
        if not same(page, self.keys.page) or (path.startswith("/repos/") and not is_known):
            raise Unauthorized("Bad credentials")
        return path

    def _route(self, method: str, path: str, query: Query) -> tuple[str, Any]:
        for verb, pattern, handler in self.routes:
            match = re.fullmatch(pattern, path)
            if match and method == verb:
                value = handler(query, *match.groups())
                status = "201 Created" if path.endswith("/rerun") else "202 Accepted"
                return (status if method == "POST" else "200 OK"), value
        raise NotFound

    # -- answers -------------------------------------------------------------------------------------------------------

    def _repository(self, _query: Query) -> dict[str, Any]:
        owner, name = self.repository.split("/")
        return {
            "id": 1,
            "name": name,
            "full_name": self.repository,
            "owner": {"login": owner, "id": 1, "type": "Organization"},
            "private": True,
            "default_branch": "main",
            "url": self._api(""),
            "html_url": f"{self.base}/{self.repository}",
        }

    def _runs(self, query: Query) -> dict[str, Any]:
        """List runs, newest first, filtered as GitHub filters them."""
        runs = [run for run in reversed(self.records.runs) if query.get("head_sha", run.head_sha) == run.head_sha]
        runs = [run for run in runs if query.get("branch", run.head_branch) == run.head_branch]
        runs = [run for run in runs if query.get("event", run.event) == run.event]
        runs = [run for run in runs if query.get("status") in (None, run.status, run.conclusion)]
        return {"total_count": len(runs), "workflow_runs": [self._run(run) for run in _page(runs, query)]}

    def _one_run(self, _query: Query, run_id: str) -> dict[str, Any]:
        return self._run(self._find(run_id))

    def _jobs(self, query: Query, run_id: str) -> dict[str, Any]:
        run = self._find(run_id)
        return {"total_count": len(run.jobs), "jobs": [self._job(run, job) for job in _page(run.jobs, query)]}

    def _cancel(self, _query: Query, run_id: str) -> dict[str, Any]:
        if not self.cancel(self._find(run_id).id):
            raise NotFound
        return {}

    def _rerun(self, _query: Query, run_id: str) -> dict[str, Any]:
        if not self.rerun(self._find(run_id).id):
            raise Forbidden(
                "This workflow run cannot be run again: it has not ended, or its workflow was not understood"
            )
        return {}

    def _one_job(self, _query: Query, job_id: str) -> dict[str, Any]:
        return self._job(*self._find_job(job_id))

    def _check_run(self, _query: Query, job_id: str) -> dict[str, Any]:
        return self._check(*self._find_job(job_id))

    def _annotations(self, query: Query, job_id: str) -> list[dict[str, Any]]:
        _, job = self._find_job(job_id)
        place = {"path": ".github", "blob_href": "", "start_line": 1, "end_line": 1, "raw_details": ""}
        return [place | asdict(annotation) for annotation in _page(job.annotations, query)]

    def _commit(self, _query: Query, ref: str) -> dict[str, Any]:
        sha = self._resolve(ref)
        return {
            "sha": sha,
            "url": self._api(f"/commits/{sha}"),
            "html_url": f"{self.base}/{self.repository}/commit/{sha}",
        }

    def _ref(self, _query: Query, name: str) -> dict[str, Any]:
        return {"ref": f"refs/{name}", "object": {"type": "commit", "sha": self._resolve(f"refs/{unquote(name)}")}}

    def _check_runs(self, query: Query, ref: str) -> dict[str, Any]:
        sha = self._resolve(ref)
        checks = [
            self._check(run, job) for run in reversed(self.records.runs) if run.head_sha == sha for job in run.jobs
        ]
        return {"total_count": len(checks), "check_runs": _page(checks, query)}

    # -- shapes --------------------------------------------------------------------------------------------------------

    def _run(self, run: RunRecord) -> dict[str, Any]:
        url = self._api(f"/actions/runs/{run.id}")
        return {
            "id": run.id,
            "name": run.name,
            "display_title": run.title,
            "path": run.path,
            "head_branch": run.head_branch,
            "head_sha": run.head_sha,
            "event": run.event,
            "actor": {"login": run.actor},
            "status": run.status,
            "conclusion": run.conclusion,
            "run_number": run.number,
            "run_attempt": run.attempt,
            "created_at": run.created_at,
            "updated_at": run.updated_at,
            "run_started_at": run.run_started_at or run.created_at,
            "url": url,
            "html_url": f"{self.base}/{self.repository}/actions/runs/{run.id}",
            "jobs_url": f"{url}/jobs",
            "cancel_url": f"{url}/cancel",
        }

    def _job(self, run: RunRecord, job: JobRecord) -> dict[str, Any]:
        return {
            "id": job.id,
            "run_id": run.id,
            "run_attempt": run.attempt,
            "workflow_name": run.name,
            "head_branch": run.head_branch,
            "head_sha": run.head_sha,
            "name": job.name,
            "status": job.status,
            "conclusion": job.conclusion,
            "created_at": run.created_at,
            "started_at": job.started_at,
            "completed_at": job.completed_at,
            "steps": [asdict(step) for step in job.steps],
            "url": self._api(f"/actions/jobs/{job.id}"),
            "run_url": self._api(f"/actions/runs/{run.id}"),
            "check_run_url": self._api(f"/check-runs/{job.id}"),
            "html_url": f"{self.base}/{self.repository}/actions/runs/{run.id}/job/{job.id}",
        }

    def _check(self, run: RunRecord, job: JobRecord) -> dict[str, Any]:
        url = self._api(f"/check-runs/{job.id}")
        return {
            "id": job.id,
            "name": job.name,
            "head_sha": run.head_sha,
            "status": job.status,
            "conclusion": job.conclusion,
            "started_at": job.started_at,
            "completed_at": job.completed_at,
            "output": {
                "title": None,
                "summary": None,
                "text": None,
                "annotations_count": len(job.annotations),
                "annotations_url": f"{url}/annotations",
            },
            "url": url,
            "html_url": f"{self.base}/{self.repository}/actions/runs/{run.id}/job/{job.id}",
        }

    # -- pages ---------------------------------------------------------------------------------------------------------

    def _page(self, path: str) -> str:
        """Render what html_url shows: the repository's runs, or one with logs."""
        match = re.fullmatch(rf"/{re.escape(self.repository)}/actions/runs/(\d+)(?:/job/\d+)?", path)
        if match:
            run = self._find(match[1])
            return "\n".join([_line(run), "", *(line for job in run.jobs for line in self._log(run, job))]) + "\n"
        if path not in (f"/{self.repository}", f"/{self.repository}/actions"):
            raise NotFound
        return "SANDBOX: this is not GitHub\n\n" + "".join(f"{_line(run)}\n" for run in reversed(self.records.runs))

    def _log(self, run: RunRecord, job: JobRecord) -> list[str]:
        lines = [f"== {job.name}: {job.conclusion or job.status}"]
        for step in job.steps:
            lines.append(f"-- {step.name}: {step.conclusion or step.status}")
            log = self.records.folder / str(run.id) / job.key / f"{step.number}.log"
            if log.is_file():
                lines += log.read_text("utf-8", errors="replace").splitlines()
        return lines + [
            f"{annotation.annotation_level}: {annotation.title}: {annotation.message}" for annotation in job.annotations
        ]

    # -- finding -------------------------------------------------------------------------------------------------------

    def _api(self, path: str) -> str:
        return f"{self.base}/repos/{self.repository}{path}"

    def _find(self, run_id: str) -> RunRecord:
        run = self.records.find(int(run_id))
        if run is None:
            raise NotFound
        return run

    def _find_job(self, job_id: str) -> tuple[RunRecord, JobRecord]:
        pair = self.records.find_job(int(job_id))
        if pair is None:
            raise NotFound
        return pair

    def _resolve(self, ref: str) -> str:
        if commit := commit_of(self.origin, ref):
            return commit
        raise NotFound


def _line(run: RunRecord) -> str:
    return f"run {run.id}  {run.name}  {run.head_branch}  {run.conclusion or run.status}"


def _page(rows: Sequence[Any], query: Query) -> list[Any]:
    size, number = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
    return list(rows[(number - 1) * size : number * size])
