"""What an engineer reaches for when something is wrong: go back, look, and free what is stuck."""

from __future__ import annotations

from typing import Any

from tagship.tasks._verb import number, opened, verb

ALL = "the environment; left out, all of them"
JSON = "one JSON document on stdout, everything else on stderr"


@verb(
    help={
        "to": "the version to go back to; left out, the last healthy one, or on a terminal the one chosen from a list",
        "env": "the environment; left out, the one that the version's suffix belongs to",
        "yes": "without --to: take the last healthy version without asking",
        "allow_bad": "go to a version although it failed, was rolled back from, or is marked bad",
        "wait": "how long to wait where somebody else holds the environment: 10m, 90s, 1h; left out, not at all",
        "preempt": "in an incident: fence off whoever holds the environment, and cancel what they have in flight",
        "dry_run": "show the plan and stop",
        "json": JSON,
    }
)
def rollback(
    _c: Any,
    *,
    to: str = "",
    env: str = "",
    yes: bool = False,
    allow_bad: bool = False,
    wait: str = "",
    preempt: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Take an environment back to a version that ran there, without Git or CI."""
    from tagship.verbs.rollback import rollback as run

    here = opened(as_json=json)
    result = run(
        here,
        to=to,
        env=env,
        yes=yes or json,
        allow_bad=allow_bad,
        wait=wait,
        preempt=preempt,
        dry_run=dry_run,
    )
    if json:
        here.screen.data(result.as_data())


@verb(help={"env": ALL, "json": JSON})
def status(_c: Any, env: str = "", json: bool = False) -> None:
    """What runs where: the ledger's word, each host's own, and where they differ."""
    from tagship.verbs.status import status as run

    here = opened(as_json=json)
    result = run(here, env=env)
    if json:
        here.screen.data([one.as_data() for one in result])


@verb(
    help={
        "env": ALL,
        "limit": "how many deployments, the newest first; 0: all",
        "version": "only those of this version or artifact id",
        "state": "only those that are in this state: healthy, rolled-back, abandoned …",
        "who": "only those by somebody whose name has this in it",
        "since": "only those that began since a day, a time, or so long ago: 2026-11-20, 12h, 7d",
        "rebuild_index": "write the ledger's index anew first: it makes reading a long ledger quick, and no more",
        "json": JSON,
    }
)
def history(
    _c: Any,
    *,
    env: str = "",
    limit: str = "20",
    version: str = "",
    state: str = "",
    who: str = "",
    since: str = "",
    rebuild_index: bool = False,
    json: bool = False,
) -> None:
    """Who made which environment run what, when, and what came of it."""
    from tagship.verbs.history import history as run

    here = opened(as_json=json)
    result = run(
        here,
        env=env,
        limit=number(limit, "--limit 20"),
        version=version,
        state=state,
        who=who,
        since=since,
        rebuild_index=rebuild_index,
    )
    if json:
        here.screen.data(result.as_data())


@verb(help={"env": ALL, "json": JSON})
def lock(_c: Any, env: str = "", json: bool = False) -> None:
    """Who holds an environment, for what, and since when."""
    from tagship.verbs.lock import lock as run

    here = opened(as_json=json)
    result = run(here, env=env)
    if json:
        here.screen.data([one.as_data() for one in result])


@verb(
    help={
        "id": "the deployment whose lease is broken, as `inv lock` names it",
        "env": "the environment; needed where there are several",
        "dry_run": "show who holds it and stop",
        "json": JSON,
    }
)
def unlock(_c: Any, id: str = "", env: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Break the lease of a deployment that died; another deployment's is refused."""
    from tagship.verbs.unlock import unlock as run

    here = opened(as_json=json)
    result = run(here, id=id, env=env, dry_run=dry_run)
    if json:
        here.screen.data(result.as_data())
