"""What ledger and bucket know of an environment: what runs there, and which numbers are spent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from tagship.domain.deployment import Deployment, latest_serving
from tagship.domain.version import Version
from tagship.errors import TagshipError
from tagship.ports.app import App

PATIENCE = 10.0  # seconds: a release can be made without an answer


@dataclass(frozen=True)
class Recorded:
    """What ledger and bucket answered.

    `asked` is false without credentials, or if there was no answer: `problem` says why. `stored` are the ids that have
    a folder in the bucket.
    """

    asked: bool = False
    problem: str = ""
    deployments: Sequence[Deployment] = ()
    stored: Sequence[str] = ()

    @property
    def serving(self) -> Deployment | None:
        """Return the deployment that decides what the environment runs."""
        return latest_serving(self.deployments)

    def spent(self, suffix: str) -> list[Version]:
        """List a channel's published or deployed versions, highest first."""
        # None of them is ever made again.
        names = {*self.stored, *(deployment.artifact_id for deployment in self.deployments)}
        versions = (version for name in names if (version := Version.maybe(name)))
        return sorted((version for version in versions if version.suffix == suffix), reverse=True)

    def why_spent(self, version: str) -> str:
        """Say why a version's number is spent; empty if it is not."""
        # It was deployed, or is published.
        attempts = [deployment for deployment in self.deployments if deployment.artifact_id == version]
        if attempts:
            last = attempts[-1]
            return f"it was deployed before ({last.state}, by {last.first.who})"
        return "it is published (the bucket has it)" if version in self.stored else ""


def recorded(app: App, environment: str) -> Recorded:
    """Ask ledger and bucket, if there are credentials."""
    # No failure is raised, and nobody waits longer than PATIENCE.
    if not app.signed_in:
        return Recorded(problem="there are no AWS credentials")
    answers: list[Recorded] = []
    asking = threading.Thread(target=lambda: answers.append(_asked(app.hurried, environment)), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return answers[0] if answers else Recorded(problem=f"AWS did not answer within {PATIENCE:.0f} s")


def _asked(app: App, environment: str) -> Recorded:
    try:
        from tagship.engine.artifacts import stored_ids  # whoever may not ask the ledger does not pay for it

        return Recorded(True, "", app.ledger.deployments(environment), stored_ids(app, environment))
    except TagshipError as reason:
        return Recorded(problem=reason.what.rstrip("."))
