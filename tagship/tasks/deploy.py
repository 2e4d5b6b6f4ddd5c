"""What CI does with an artifact once it is published: deploy it, verify it, tell of it."""

from __future__ import annotations

from typing import Any

from tagship.errors import UsageError
from tagship.tasks._verb import verb

ARTIFACT = "the version or artifact id; in CI, the tag that was pushed"
ENV = "the environment; left out, the one that the version's suffix belongs to"
WAIT = "how long to wait where somebody else holds the environment: 10m, 90s, 1h; left out, not at all"
JSON = "one JSON document on stdout, everything else on stderr"


@verb(
    help={
        "artifact": ARTIFACT,
        "env": ENV,
        "allow_older": "deploy a version that is older than the one that runs",
        "allow_bad": "deploy a version although somebody rolled back from it, or marked it bad",
        "wait": WAIT,
        "heal": "bring the hosts that do not run what the environment runs to it, and touch no other",
        "resume": "end a deployment whose runner died: wait for what it sent, and send nothing again",
        "dry_run": "show the plan and stop",
        "json": JSON,
    }
)
def deploy(
    _c: Any,
    *,
    artifact: str = "",
    env: str = "",
    allow_older: bool = False,
    allow_bad: bool = False,
    wait: str = "",
    heal: bool = False,
    resume: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Make an environment run a published version, or put back what it ran before."""
    from tagship.bootstrap import app
    from tagship.verbs.deploy import deploy as run

    if heal or resume:
        _alone(heal, resume, bool(artifact or allow_older or allow_bad))
    here = app(as_json=json)
    if heal or resume:
        from tagship.verbs.heal import heal as healing
        from tagship.verbs.resume import resume as resuming

        act = healing if heal else resuming
        result = act(here, env=env, wait=wait, dry_run=dry_run)
    else:
        result = run(
            here,
            artifact=artifact,
            env=env,
            allow_older=allow_older,
            allow_bad=allow_bad,
            wait=wait,
            dry_run=dry_run,
        )
    if json:
        here.screen.data(result.as_data())


@verb(help={"artifact": ARTIFACT, "env": ENV, "json": JSON})
def verify(_c: Any, artifact: str = "", env: str = "", json: bool = False) -> None:
    """Ask every host, and the health URL, whether the version named is what serves."""
    from tagship.bootstrap import app
    from tagship.verbs.verify import verify as run

    here = app(as_json=json)
    result = run(here, artifact=artifact, env=env)
    if json:
        here.screen.data(result.as_data())


@verb(help={"artifact": ARTIFACT, "env": ENV, "json": JSON})
def notify(_c: Any, artifact: str = "", env: str = "", json: bool = False) -> None:
    """Tell what came of the deployment: on the console, and in the CI run's summary."""
    from tagship.bootstrap import app
    from tagship.domain.history import as_data
    from tagship.verbs.notify import notify as run

    here = app(as_json=json)
    result = run(here, artifact=artifact, env=env)
    if json:
        here.screen.data(as_data([result])[0])


def _alone(heal: bool, resume: bool, more: bool) -> None:
    """Which artifact a heal, or a deployment that is taken up, is of is the ledger's word."""
    if heal and resume:
        raise UsageError(
            "--heal and --resume are two things.", remedy="End what has not ended first: inv deploy --resume"
        )
    if more:
        what = "brings hosts to what the environment runs" if heal else "ends a deployment that another runner began"
        raise UsageError(
            f"{'--heal' if heal else '--resume'} {what}: it takes no artifact.",
            remedy=f"Name the environment alone: inv deploy {'--heal' if heal else '--resume'} --env dev",
        )
