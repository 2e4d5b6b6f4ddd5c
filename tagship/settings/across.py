"""What doesn't fit among the environments of tagship.toml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tagship.settings.section import Finding, Values, cut, shown, table


def unsigned(values: Values, environments: Mapping[str, Values]) -> Iterator[Finding]:
    """Find a missing [signing], unless every environment allows unsigned artifacts."""
    wanting = [name for name, environment in environments.items() if environment.get("allow_unsigned") is not True]
    if "signing" not in values and wanting:
        names = ", ".join(f"environments.{name}" for name in wanting)
        yield "signing", f"is missing: name its key and public_key, or say allow_unsigned = true in {cut(names, 500)}"


def attested(ci: Values, environments: Mapping[str, Values]) -> Iterator[Finding]:
    """Find environments that require GitHub's attestation of no repository."""
    for name, environment in environments.items():
        if environment.get("require_attestation") == "github" and not ci.get("repository"):
            yield "ci.repository", f"is missing: environments.{cut(name)} requires attestations of that repository"


def nothing_carried(bundle: Values, running: Sequence[str]) -> Iterator[Finding]:
    """Find a bundle said to be empty that units run.

    `tagship init` writes that for an image: whoever has the units run a process instead has to name what it is.
    """
    if running and "include" in bundle and not bundle["include"] and not bundle.get("built"):
        names = ", ".join(f"environments.{name}" for name in running)
        why = f"is empty, and {cut(names, 500)} runs files of the bundle"
        yield "bundle.include", f'{why}: name what it runs, such as include = ["app.py"]'


def promoted(order: Any, environments: Values) -> Iterator[Finding]:
    """Find names in promotion.order that are no environments, or are there twice."""
    names = [name for name in order if isinstance(name, str)] if isinstance(order, (list, tuple)) else []
    for name in sorted(set(names) - set(environments)):
        yield (
            "promotion.order",
            f"names {shown(name)}, which tagship.toml lacks: add [environments.{cut(name)}]",
        )
    if len(set(names)) < len(names):
        yield "promotion.order", "names an environment twice: a version goes to each once"
    if len(names) == 1:
        yield "promotion.order", "needs at least two environments"


def same_channel(environments: Mapping[str, Values]) -> Iterator[Finding]:
    owners: dict[tuple[str, str], str] = {}
    for name, environment in environments.items():
        channel = (str(environment.get("suffix", name)), str(environment.get("branch", "")))
        owner = owners.setdefault(channel, name)
        if owner != name:
            yield (
                f"environments.{name}",
                f"has the same suffix and the same branch as environments.{cut(owner)}: change one",
            )


def same_state(environments: Mapping[str, Values], aws: Values) -> Iterator[Finding]:
    """Find environments that share one Terraform state."""
    # Each apply would destroy the other's resources.
    owners: dict[tuple[str, str], str] = {}
    for name, environment in environments.items():
        infra = table(environment, "infra")
        own = {**aws, **{key: value for key, value in table(environment, "aws").items() if value}}
        place, key = (_filled(str(infra.get(of) or ""), name, own) for of in ("state_bucket", "state_key"))
        owner = owners.setdefault((place or str(own.get("bucket", "")), key), name) if key else name
        if owner != name:
            yield f"environments.{name}.infra.state_key", f"is the state of environments.{cut(owner)} too: change one"


def _filled(place: str, environment: str, aws: Values) -> str:
    """Put what the file says of an environment into its state's place."""
    names = {"environment": environment, "account": aws.get("account", ""), "region": aws.get("region", "")}
    for name, value in names.items():
        place = place.replace(f"{{{name}}}", str(value))
    return place
