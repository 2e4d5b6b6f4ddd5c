"""The commands that messages advise: the one place that spells `inv …`. A test parses each against the tasks."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from tagship.domain import infra_commands
from tagship.domain.spelling import spelled as _inv

infra, infra_plan = infra_commands.infra, infra_commands.infra_plan
infra_lock, infra_unlock = infra_commands.infra_lock, infra_commands.infra_unlock

BLANK = "…"  # the reason that a remedy has in place of a missing one; nobody's reason is made up


def deploy(
    artifact: str, environment: str = "", *, skip: str = "", allow_bad: bool = False, allow_older: bool = False
) -> str:
    """Spell the deployment of an artifact; `skip` names units, between commas."""
    return _inv("deploy", version=artifact, env=environment, skip=skip, allow_bad=allow_bad, allow_older=allow_older)


def deploy_dev(
    environment: str = "",
    *,
    version: str = "",
    commit: str = "",
    first: bool = False,
    rerun: bool = False,
    yes: bool = False,
) -> str:
    """Spell the command that releases from the checkout."""
    env = _other(environment)
    return _inv("deploy-dev", env=env, version=version, commit=commit, first=first, rerun=rerun, yes=yes)


def rollback(
    to: str = "",
    environment: str = "",
    *,
    yes: bool = False,
    allow_bad: bool = False,
    allow_legacy: bool = False,
    wait: str = "",
    preempt: bool = False,
    all_or_nothing: bool = False,
    allow_irreversible: bool = False,
    drill: bool = False,
    freeze: str = "",
    reason: str = "",
    dry_run: bool = False,
) -> str:
    """Spell a rollback; without `to`, it offers a list."""
    flags = {"yes": yes, "allow_bad": allow_bad, "allow_legacy": allow_legacy, "preempt": preempt}
    flags |= {"all_or_nothing": all_or_nothing, "allow_irreversible": allow_irreversible}
    flags |= {"drill": drill, "dry_run": dry_run}
    return _inv("rollback", to=to, env=environment, wait=wait, freeze=freeze, reason=reason, **flags)


def drill(environment: str, *, to: str = "", for_real: bool = False, yes: bool = False) -> str:
    """Spell the command that proves that a rollback would work."""
    return _inv("drill", env=environment, to=to, for_real=for_real, yes=yes)


def heal(environment: str, *, wait: str = "", automatic: bool = False) -> str:
    """Spell the command that heals units that lag."""
    return _inv("heal", env=environment, wait=wait, automatic=automatic)


def resume(environment: str, *, wait: str = "") -> str:
    """Spell the command that ends a deployment whose runner died."""
    return _inv("resume", env=environment, wait=wait)


def continue_(environment: str = "") -> str:
    """Spell the command that has a paused deployment go on."""
    return _inv("continue", env=environment)


def verify(artifact: str, environment: str = "") -> str:
    """Spell the command that checks whether an artifact serves."""
    return _inv("verify", version=artifact, env=environment)


def notify(*, test: bool = False) -> str:
    """Spell the command that tells people; `test` tries webhooks alone."""
    return _inv("notify", test=test)


def status(environment: str = "") -> str:
    """Spell the command that shows what runs."""
    return _inv("status", env=environment)


def logs(environment: str = "", *, deployment: str = "") -> str:
    """Spell the command that shows what an app wrote."""
    return _inv("logs", env=environment, deployment=deployment)


def history(
    environment: str = "",
    *,
    version: str = "",
    state: str = "",
    who: str = "",
    since: str = "",
    limit: str = "",
    evidence: bool = False,
    verify: bool = False,
    rebuild_index: bool = False,
    as_json: bool = False,
) -> str:
    """Spell the command that shows who shipped what."""
    filters = {"version": version, "state": state, "who": who, "since": since, "limit": limit}
    switches = {"evidence": evidence, "verify": verify, "rebuild_index": rebuild_index, "json": as_json}
    return _inv("history", env=environment, **filters, **switches)


def lock(environment: str = "") -> str:
    """Spell the command that shows who holds an environment."""
    return _inv("lock", env=environment)


def unlock(environment: str, deployment: str = "", *, reset_fence: bool = False, reason: str = "") -> str:
    """Spell the command that frees a lease, or resets its numbers."""
    why = (reason or BLANK) if reset_fence else ""
    return _inv("unlock", env=environment, id=deployment, reset_fence=reset_fence, reason=why)


def freeze(environment: str, until: str, reason: str, *, dry_run: bool = False) -> str:
    """Spell the command that freezes an environment."""
    return _inv("freeze", env=environment, until=until, reason=reason, dry_run=dry_run)


def thaw(environment: str, *, yes: bool = False) -> str:
    """Spell the command that ends a freeze."""
    return _inv("thaw", env=environment, yes=yes)


def mark_good(artifact: str, environment: str = "", reason: str = "") -> str:
    """Spell the command that marks a version good."""
    return _inv("mark-good", version=artifact, env=environment, reason=reason)


def mark_bad(artifact: str, environment: str = "", reason: str = "") -> str:
    """Spell the command that marks a version bad."""
    return _inv("mark-bad", version=artifact, env=environment, reason=reason)


def tested(artifact: str, environment: str) -> str:
    """Spell the command that records that a version passed its tests."""
    return _inv("tested", version=artifact, env=environment)


def promote(source: str, to: str, artifact: str = "", *, allow_older: bool = False, yes: bool = False) -> str:
    """Spell a promotion from one environment to the next."""
    return _inv("promote", **{"from": source}, to=to, version=artifact, allow_older=allow_older, yes=yes)


def why_not(environment: str, artifact: str) -> str:
    """Spell the command that lists the gates before a version."""
    return shlex.join(["inv", "why-not", environment, artifact])


def tag(environment: str = "", *, version: str = "", commit: str = "", first: bool = False, yes: bool = False) -> str:
    """Spell the command that makes a tag."""
    return _inv("tag", env=_other(environment), version=version, commit=commit, first=first, yes=yes)


def tag_undo(version: str, *, yes: bool = False) -> str:
    """Spell the command that deletes a tag of your own."""
    return _inv("tag-undo", version=version, yes=yes)


def versions(environment: str = "", *, count: int = 0) -> str:
    """Spell the command that lists a channel's versions."""
    return _inv("versions", env=environment, count=str(count or ""))


def build(artifact: str = "", environment: str = "") -> str:
    """Spell the command that builds an artifact's image."""
    return _inv("build", version=artifact, env=environment)


def bundle(artifact: str = "", environment: str = "") -> str:
    """Spell the command that builds a bundle."""
    return _inv("bundle", version=artifact, env=environment)


def publish(artifact: str = "", environment: str = "") -> str:
    """Spell the command that publishes an artifact."""
    return _inv("publish", version=artifact, env=environment)


def setup(
    *,
    owner_id: str = "",
    repository_id: str = "",
    document_only: bool = False,
    remove: bool = False,
    env: str = "",
    region: str = "",
    yes: bool = False,
    dry_run: bool = False,
) -> str:
    """Spell the command that sets up an account, or takes that away."""
    names = {"owner_id": owner_id, "repository_id": repository_id}
    where = {"env": env, "region": region}
    return _inv("setup", **names, document_only=document_only, remove=remove, **where, yes=yes, dry_run=dry_run)


def doctor(*, fix: bool = False, yes: bool = False) -> str:
    """Spell the command that looks at all that shipping needs."""
    return _inv("doctor", fix=fix, yes=yes)


def adopt(environment: str, *, undo: bool = False, yes: bool = False) -> str:
    """Spell the command that takes over hosts that ran the app before."""
    return _inv("adopt", env=environment, undo=undo, yes=yes)


def pin(environment: str = "", *, dry_run: bool = False) -> str:
    """Spell the command that pins an environment's keys on its hosts."""
    return _inv("pin", env=environment, dry_run=dry_run)


def resign(environment: str, *, dry_run: bool = False) -> str:
    """Spell the command that signs what is kept by today's key."""
    return _inv("resign", env=environment, dry_run=dry_run)


def init(answers: Mapping[str, str] | None = None, **switches: bool) -> str:
    """Spell the command that prepares a repository."""
    # Without a tasks.py there is no `inv`.
    return _inv("init", **(answers or {}), **switches).replace("inv", "tagship", 1)


def eject(*, yes: bool = False) -> str:
    """Spell the command that writes the host files into the repository."""
    return _inv("eject", yes=yes)


def cleanup(environment: str = "", *, dry_run: bool = False) -> str:
    """Spell the command that deletes old artifacts."""
    return _inv("cleanup", env=environment, dry_run=dry_run)


def preview_close(pr: str, *, dry_run: bool = False) -> str:
    """Spell the command that takes a preview away."""
    return _inv("preview.close", pr=pr, dry_run=dry_run)


def preview_sweep() -> str:
    """Spell the command that closes previews whose time is over."""
    return _inv("preview.sweep")


def demo(kind: str) -> str:
    """Spell the command that plays the demo of another kind."""
    return _inv("demo", kind=kind)


def user_data(environment: str, *, compress: bool = False, output: str = "") -> str:
    """Spell the command that prints a launch template's user data."""
    return _inv("user-data", env=environment, compress=compress, output=output)


def sandbox(action: str, item: str = "", *, hosts: int = 0, remove: bool = False, yes: bool = False) -> str:
    """Spell an action on the sandbox, with its item."""
    words = [action, shlex.quote(item)] if item else [action]
    return _inv(f"sandbox {' '.join(words)}", hosts=str(hosts or ""), remove=remove, yes=yes)


def _other(environment: str) -> str:
    """Leave out the environment that a release goes to by default."""
    return environment if environment != "dev" else ""
