"""The commands on infrastructure that messages advise; domain.commands has them with all others."""

from __future__ import annotations

from tagship.domain.spelling import spelled as _inv


def infra(
    artifact: str = "", environment: str = "", target: str = "", *, planned: str = "", dry_run: bool = False
) -> str:
    """Spell the command that applies an environment's infrastructure."""
    return _inv("infra", version=artifact, env=environment, target=target, planned=planned, dry_run=dry_run)


def infra_plan(artifact: str = "", environment: str = "", *, detailed: bool = False, store: bool = False) -> str:
    """Spell the command that says what an apply would do."""
    return _inv("infra.plan", version=artifact, env=environment, detailed=detailed, store=store)


def infra_lock(environment: str = "") -> str:
    """Spell the command that shows who has a Terraform state."""
    return _inv("infra.lock", env=environment)


def infra_unlock(environment: str, lock_id: str, *, run_ended: bool = False) -> str:
    """Spell the command that frees a Terraform state."""
    return _inv("infra.unlock", env=environment, id=lock_id, run_ended=run_ended)
