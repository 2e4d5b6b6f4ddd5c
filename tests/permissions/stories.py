"""What each role does with two environments, in an order in which all of it can be done."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any

from tagship.adapters.ci_github import connect
from tagship.domain import layout
from tagship.domain.github_attestation import written
from tagship.domain.statelock import SUFFIX
from tagship.domain.static_set import EXACT
from tagship.errors import TagshipError
from tests.permissions.account import Account
from tests.sandbox.conftest import git
from tests.unit.verbs.test_infra_lock import ID

V0, V1, V2, V3, V4, NEVER = (f"0.1.{number}-dev" for number in (0, 1, 2, 3, 4, 99))
RUN = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1", "GITHUB_SERVER_URL": "https://github.com"}


@dataclass
class Story:
    """Verbs, run one after another by the roles of an account; `failed` has what ended otherwise than it should."""

    account: Account
    failed: list[str] = field(default_factory=list)

    def act(self, who: str, verb: str, fails: str = "", **flags: Any) -> Any:
        """Run a verb as a role, such as "Ci of dev"; `fails`: words of the error that it has to end with."""
        self.account.minutes.verb = verb
        function = getattr(import_module(f"tagship.verbs.{verb}"), verb)
        app = self.account.app(self.account.role(who))
        if who.startswith("Notify"):  # GitHub is told in CI alone
            repository = {"GITHUB_REPOSITORY": self.account.running.repository}
            vars(app)["ci"] = connect({**RUN, **repository}, print, print)
        if who.startswith("Cleanup"):  # what deployments left goes when it is old
            later = app.store.now() + timedelta(days=30)
            object.__setattr__(app.store, "now", lambda: later)
        try:
            result = function(app, **flags)
            getattr(result, "insist", lambda: None)()
        except TagshipError as problem:
            if not fails or fails not in f"{problem} {problem.state} {problem.remedy}":
                self.failed.append(f"{who}: {verb}: {problem} {problem.evidence}")
            return None
        if fails:
            self.failed.append(f"{who}: {verb}: it did not fail")
        return result

    def publish(self, version: str) -> str:
        """From a commit to a published artifact, by CI of dev; the job that builds has no identity."""
        root = self.account.root
        for old in (root / "public").glob("*.txt"):  # a file of no recent set is deleted
            old.unlink()
        for name in ("index.html", f"{version}.txt"):
            (root / "public" / name).write_text(f"{version}\n", "utf-8")
        for number in range(EXACT + 1):  # CloudFront is asked for their tag instead
            (root / "public" / f"{number}.html").write_text(f"{version}\n", "utf-8")
        if version in (V3, V4) and (root / "api").is_dir():  # V3 goes, and no other version has its code
            (root / "api/changed.py").write_text(f"VERSION = '{version}'\n", "utf-8")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--allow-empty", "-m", f"Make {version}")
        git(root, "tag", "-a", version, "-m", version)
        self.account.push()
        for verb in ("validate", "build", "bundle"):
            self.act("nobody", verb, artifact=version)
        self.act("Ci of dev", "publish", artifact=version)
        return version

    def ship(self, version: str) -> None:
        """As the workflow does."""
        self.publish(version)
        for verb in ("deploy", "verify"):
            self.act("Ci of dev", verb, artifact=version)
        self.act("Notify of dev", "notify", artifact=version)


def tell(account: Account) -> Story:
    """The whole story."""
    story = Story(account)
    act, ci = story.act, "Ci of dev"
    for version in (V0, V1, V2):
        story.ship(version)
    act("Notify of dev", "notify", artifact=V2)  # the job once more: its earlier note is read
    act(ci, "infra_apply", artifact=V2)
    act(ci, "deploy", fails="no artifact", artifact=NEVER)
    act(ci, "tested", env="dev")
    act(ci, "heal", env="dev")
    act(ci, "resign", env="dev", artifact=V2)
    attested = layout.artifact("shop", "dev", V2, layout.ATTESTATIONS)
    account.app().store.create(attested, written([]))  # what a promotion takes along
    act("Ci of prod", "promote", source="dev", to="prod", yes=True)
    act("Ci of prod", "verify", artifact=V2, env="prod")
    act("Notify of prod", "notify", artifact=V2, env="prod")
    for environment in ("dev", "prod"):
        act(f"Verify of {environment}", "verify", env=environment)
    act("Verify of dev", "deploy", fails="Access denied", artifact=V1)
    _look(story, "People of dev")
    _by_hand(story, "People of dev")
    _in_an_incident(story, "People of dev")
    act("Rollback of dev", "rollback", to=V2, env="dev", yes=True)
    act("Rollback of dev", "verify", env="dev")
    for environment in ("dev", "prod"):
        act(f"Cleanup of {environment}", "cleanup", env=environment, days=0, keep=1)
    return story


def _look(story: Story, who: str) -> None:
    """What a person looks at: nothing is changed."""
    act = story.act
    for verb in ("status", "history", "lock", "infra_lock", "metrics"):
        act(who, verb)
    act(who, "status", version=V1)
    act(who, "history", env="dev", verify=True)
    act(who, "drill", env="dev")
    act(who, "logs", env="dev")
    act(who, "why_not", fails="order", env="dev", version=V1)
    act(who, "verify", artifact=V2)
    act(who, "sbom", artifact=V2)
    act(who, "deploy", artifact=V2, dry_run=True)
    act(who, "deploy", fails="no artifact", artifact=NEVER)
    act(who, "cleanup", env="dev", dry_run=True)


def _by_hand(story: Story, who: str) -> None:
    """What a developer does without CI."""
    act = story.act
    act(who, "deploy", artifact=story.publish(V3))
    act(who, "tested", env="dev")
    act(who, "infra_apply", artifact=V3)
    app = story.account.app()
    store = app.store
    if not app.settings.environment("dev").infra.command:
        for planner in (who, "Ci of dev"):
            act(planner, "infra_plan", artifact=V3, store=True)
        _clear_a_state(story, who)
    ids = [deployment.id for deployment in app.ledger.deployments("dev")]
    store.create(layout.index_segment("shop", "dev", ids[0], ids[-1]), b"no segment")
    act(who, "history", env="dev", rebuild_index=True)


def _clear_a_state(story: Story, who: str) -> None:
    """A lock that a dead Terraform left."""
    act, store = story.act, story.account.app().store
    lock = {"ID": ID, "Operation": "OperationTypeApply", "Info": "", "Who": "root@vm", "Version": "1.11.4"}
    for name in ("dev", "prod"):
        store.create(layout.state("shop", name) + SUFFIX, json.dumps(lock).encode())
    act(who, "infra_lock")
    act(who, "infra_unlock", id=ID, env="dev", run_ended=True)


def _in_an_incident(story: Story, who: str) -> None:
    act = story.act
    leases = story.account.app().leases
    leases.take("dev", holder="eve@desk", run_url="", ttl=600)
    act(who, "rollback", fails="eve@desk", to=V2, env="dev", yes=True)
    act(who, "rollback", to=V2, env="dev", yes=True, preempt=True, freeze="1h", reason="it is slow")
    act("Ci of dev", "deploy", fails="frozen", artifact=V3)
    act(who, "thaw", env="dev", yes=True)
    act(who, "freeze", env="dev", until="1h", reason="the sale")
    act(who, "thaw", env="dev", yes=True)
    act(who, "mark_bad", version=V2, env="dev", reason="it is slow")
    act(who, "mark_good", version=V2, env="dev", reason="it is not")
    act(who, "heal", env="dev")
    leases.take("dev", holder="eve@desk", run_url="", ttl=600)
    seen = leases.look("dev")
    assert seen
    act(who, "unlock", id=seen.record.deployment_id, env="dev")
    act(who, "unlock", id="", env="dev", reset_fence=True, reason="a number ran away")
    act(who, "deploy", artifact=story.publish(V4))
