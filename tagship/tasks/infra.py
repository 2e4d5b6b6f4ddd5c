"""What an environment stands on: Terraform (or another tool) with an artifact's names, and locks that a run left."""

from __future__ import annotations

from typing import Any

from tagship.tasks._verb import opened, verb

ENV = "the environment; left out, the one that the version's suffix belongs to"
JSON = "one JSON document on stdout, everything else on stderr"


@verb(
    default=True,
    help={
        "artifact": "the version or artifact id; in CI, the tag that was pushed",
        "env": ENV,
        "dry_run": "show the plan and stop",
        "json": JSON,
    },
)
def apply(_c: Any, artifact: str = "", env: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Plan and apply an environment's infrastructure for a published version."""
    from tagship.verbs.infra_apply import infra_apply as run

    here = opened(as_json=json)
    result = run(here, artifact=artifact, env=env, dry_run=dry_run)
    if json:
        here.screen.data(result.as_data())


@verb(help={"env": "the environment; left out, all of them", "json": JSON})
def lock(_c: Any, env: str = "", json: bool = False) -> None:
    """Who has the Terraform state of an environment, and since when."""
    from tagship.verbs.infra_lock import infra_lock as run

    here = opened(as_json=json)
    result = run(here, env=env)
    if json:
        here.screen.data([one.as_data() for one in result])


@verb(
    help={
        "id": "the lock that is freed, as `inv infra.lock` names it",
        "env": "the environment; needed where there are several",
        "run_ended": "your word that its CI run has ended, where that cannot be asked",
        "dry_run": "show who has it and stop",
        "json": JSON,
    }
)
def unlock(
    _c: Any, id: str = "", env: str = "", run_ended: bool = False, dry_run: bool = False, json: bool = False
) -> None:
    """Free a Terraform state that a dead run left locked; another lock is refused."""
    from tagship.verbs.infra_unlock import infra_unlock as run

    here = opened(as_json=json)
    result = run(here, id=id, env=env, run_ended=run_ended, dry_run=dry_run)
    if json:
        here.screen.data(result.as_data())
