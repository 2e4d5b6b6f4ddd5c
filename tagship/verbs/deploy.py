"""deploy: make an environment run an artifact that is published for it."""

from __future__ import annotations

from tagship.engine.deploying import DeployRequest, carry_out
from tagship.engine.outputs import with_fresh_outputs
from tagship.engine.plan import show
from tagship.engine.run import Result, planned
from tagship.engine.scope import named, patience
from tagship.ports.app import App


def deploy(
    app: App,
    *,
    artifact: str = "",
    env: str = "",
    skip: str = "",
    allow_older: bool = False,
    allow_bad: bool = False,
    wait: str = "",
    dry_run: bool = False,
) -> Result:
    """Deploy an artifact and prove that it serves.

    In CI, artifact and environment are those of the pushed tag.
    Behind somebody else's deployment it waits as long as `wait` says (`10m`), and is then planned again: a version that
    has become older than what runs is refused. What the ledger and every unit say is running already is not
    deployed again. Units that somebody has it `skip` are left as they are: it ends with Incomplete, which names them.
    """
    longest = patience(wait)
    artifact_id, environment = named(app, artifact, env)
    app = with_fresh_outputs(app, environment, artifact_id)
    request = DeployRequest(
        environment=environment,
        artifact_id=artifact_id,
        skip=skip,
        allow_older=allow_older,
        allow_bad=allow_bad,
        wait=longest,
    )
    plan = request.plan(app)
    show(app, plan)
    if dry_run:
        return planned(app, plan)
    return carry_out(app, request, plan)
