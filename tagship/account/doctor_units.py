"""What `doctor` asks about an environment's units: who can be reached, room, what is in the way, and a way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from tagship.domain import commands
from tagship.domain.deployment import serving
from tagship.domain.finding import Finding, failing, ok, warning
from tagship.domain.inspection import Inspection, inspection_of
from tagship.domain.text import counted, listed, plural
from tagship.domain.units import Unit, noun_of
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import verified_manifest
from tagship.engine.before_tagship import way_before
from tagship.engine.rollback_candidates import range_of
from tagship.errors import ArtifactError, TagshipError
from tagship.ports.app import Account
from tagship.ports.target import Examinable, Inspectable


def _units(app: Account, environment: str) -> Iterator[Finding]:
    units = app.target(environment).units()
    away = [f"{unit.name}: {unit.away}" for unit in units if not unit.online]
    about, total = f"{environment}: {plural(noun_of(units))}", counted(len(units), noun_of(units))
    if len(away) == len(units):
        yield failing(about, f"none of {total} can be reached ({listed(away)})", commands.status(environment))
    elif away:
        yield warning(about, f"{len(away)} of {total} can't be reached ({listed(away)})", commands.status(environment))
    else:
        yield ok(about, f"{total} can be reached{_agents(units)}")


def _agents(units: Sequence[Unit]) -> str:
    versions = sorted({unit.agent for unit in units if unit.agent})
    return f" (agent {listed(versions)})" if versions else ""


def _inspected(app: Account, environment: str) -> Iterator[Finding]:
    """Ask all units for their room and what is in the way."""
    target = app.target(environment)
    online = [unit for unit in target.units() if unit.online]
    if not isinstance(target, Inspectable) or not online:
        return
    about = f"{environment}: {noun_of(online)} room"
    try:
        reports = target.inspect(online, lambda _: None)
    except TagshipError as reason:
        yield warning(about, f"was not looked at: {reason.what.rstrip('.')}", commands.status(environment))
        return
    names = {unit.id: unit.name for unit in online}
    seen = {names[report.unit]: inspection_of(report.facts) for report in reports if report.good}
    silent = [f"{names[report.unit]}: {report.reason}" for report in reports if not report.good]
    if silent:
        yield warning(about, f"was not looked at ({listed(silent)})", commands.status(environment))
    yield from _room(about, seen)
    yield from _in_the_way(environment, seen)
    yield from _folders(environment, seen)


def _room(about: str, seen: Mapping[str, Inspection]) -> Iterator[Finding]:
    full = [f"{name}: {host.full}" for name, host in seen.items() if host.full]
    filling = [f"{name}: {host.filling}" for name, host in seen.items() if host.filling and not host.full]
    fix = "See on the host what takes it: df -h; df -i"
    if full:
        yield failing(about, f"too little on {listed(full)}", fix)
    if filling:
        yield warning(about, f"little on {listed(filling)}", fix)
    if seen and not full and not filling:
        yield ok(about, "enough disk and inodes")


def _in_the_way(environment: str, seen: Mapping[str, Inspection]) -> Iterator[Finding]:
    for name, host in seen.items():
        if host.in_the_way:
            words = f"ran something before tagship: {host.in_the_way}"
            yield warning(f"{environment}: {name}", words, commands.adopt(environment))


def _folders(environment: str, seen: Mapping[str, Inspection]) -> Iterator[Finding]:
    for name, host in seen.items():
        for problem, fix in host.folders:
            yield failing(f"{environment}: {name}", problem, fix)


def _way_back(app: Account, environment: str) -> Iterator[Finding]:
    """Read every version that a rollback offers, as a rollback would."""
    about, versions = f"{environment}: way back", range_of(app, environment)
    runs = serving(app.ledger.deployments(environment))
    broken = {version: why for version in versions if (why := _problem(app, environment, version))}
    others = [version for version in versions if version != runs]
    whole = [version for version in others if version not in broken]
    for version, why in broken.items():
        role = "which serves," if version == runs else "to go back to,"
        yield warning(about, f"{version}, {role} is not whole: {why}", commands.history(environment))
    if whole:
        yield ok(about, f"to {whole[0]}, which is stored, whole and signed ({len(whole)} in all)")
    elif others:
        none = f"none of {counted(len(others), 'version')} can be gone back to"
        yield failing(about, none, way_before(app, environment))
    elif undo := way_before(app, environment):
        yield ok(about, f"no version yet; what ran before tagship is kept: {undo}")
    else:
        yield ok(about, "no version to go back to")


def _problem(app: Account, environment: str, version: ArtifactId) -> str:
    """Say what a stored version lacks: its signature, its bundle, its image."""
    try:
        images = verified_manifest(app, environment, version).every_image.values()
    except ArtifactError as reason:
        return reason.what.rstrip(".")
    unusable = ((image, app.registry.status(image).why_not_pullable) for image in images)
    return next((f"{image.by_digest}: {why}" for image, why in unusable if why), "")


def _examined(app: Account, environment: str) -> Iterator[Finding]:
    """Look at what a target itself knows to examine."""
    target = app.target(environment)
    if isinstance(target, Examinable):
        for finding in target.examine():
            yield replace(finding, about=f"{environment}: {finding.about}")


CHECKS: Mapping[str, Callable[[Account, str], Iterator[Finding]]] = {
    "units": _units,
    "room": _inspected,
    "target": _examined,
    "way back": _way_back,
}
