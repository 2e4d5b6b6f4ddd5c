"""Every prerequisite of shipping, each looked at by itself: what `doctor` asks, all at once.

A check says how one thing is and what mends it. It raises nothing but a TagshipError, which says that it is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from tagship import __version__
from tagship.account import (
    doctor_environment,
    doctor_github,
    doctor_infra,
    doctor_previews,
    doctor_regions,
    doctor_units,
)
from tagship.account.desired import look
from tagship.account.doctor_stacks import compared, of_bucket
from tagship.account.keys import key_problems
from tagship.account.places import place_of
from tagship.domain import aws_commands, commands
from tagship.domain.constraint import allows
from tagship.domain.finding import Finding, failing, ok, warning
from tagship.domain.foundation import stack_name
from tagship.domain.text import listed, span
from tagship.ports.app import Account, App
from tagship.settings.previews import ANY

Check = Callable[[], Iterator[Finding]]

GIT, PYTHON = (2, 30), (3, 11)
LOCK = "tagship.txt"  # what `init` writes for CI
PIN = re.compile(r"^(?:tagship==|\S*/tagship-)(\d+(?:[.]\w+)*)", re.MULTILINE)
TERRAFORM = (1, 10)  # the first with locks in S3 (use_lockfile)
SKEWED, REFUSED = timedelta(seconds=30), timedelta(minutes=5)  # AWS refuses what is signed five minutes off
PINNED = re.compile(r'^\s*required_version\s*=\s*"([^"]+)"', re.MULTILINE)


def checks(app: App) -> Mapping[str, Check]:
    """List the checks: what each is about -> what looks."""
    common: dict[str, Check] = {
        "python": partial(_python, app),
        "tagship": partial(_pinned, app),
        "git": partial(_git, app),
        "docker": partial(_docker, app),
        "terraform": partial(_terraform, app),
        "clock": partial(_clock, app),
    }
    for account in app.accounts:
        of = f"{place_of(account)}: " if len(app.accounts) > 1 else ""
        common |= {f"{of}{about}": partial(check, account, of) for about, check in OF_ACCOUNTS.items()}
    of_each = {**doctor_github.CHECKS, **doctor_environment.CHECKS, **doctor_infra.CHECKS, **doctor_units.CHECKS}
    if app.settings.previews.environment:
        account = app.at(f"pr-{ANY}")
        common |= {f"previews: {about}": partial(check, account) for about, check in doctor_previews.CHECKS.items()}
    for name in app.settings.environments:
        common |= {f"{name}: {about}": partial(check, app.at(name), name) for about, check in of_each.items()}
        for region in app.regions(name)[1:]:
            place = f"{name} in {region.settings.aws.region}"
            for about, look_there in doctor_regions.CHECKS.items():
                common[f"{place}: {about}"] = partial(look_there, region, app.at(name), f"{place}: {about}")
    return common


# -- this machine ------------------------------------------------------------------------------------------------------


def _python(app: App) -> Iterator[Finding]:
    """Look at the Python that `make` takes for tagship's own environment."""
    if not (app.root / "tagship.mk").is_file():
        return
    finding = _tool(app, "python3", PYTHON)
    if finding.state == "ok":
        yield replace(finding, about="python")
    else:
        fix = "Install Python 3.12, or name the one that is here: make sandbox TAGSHIP_PYTHON=python3.12"
        yield warning("python", f"python3: {finding.words}", fix)


def _pinned(app: App) -> Iterator[Finding]:
    """Compare the tagship that runs with the one that CI installs."""
    file = app.root / LOCK
    if not file.is_file():
        return
    pin = PIN.search(file.read_text("utf-8", "replace"))
    if pin and pin[1] != __version__:
        words = f"{__version__} here, and CI installs {pin[1]}, by workflows of that version"
        yield warning("tagship", words, commands.init(update=True))
    elif pin:
        yield ok("tagship", f"{__version__}, which CI installs too")


def _git(app: App) -> Iterator[Finding]:
    yield _tool(app, "git", GIT)


def _docker(app: App) -> Iterator[Finding]:
    wanted = [name for name, chosen in app.settings.environments.items() if chosen.target.has_image]
    if not wanted:
        return
    version = app.machine.version("docker")
    if version:
        yield ok("docker", version)
    else:
        yield warning("docker", f"not here: CI builds the images of {listed(wanted)}", "Install Docker, to build here")


def _terraform(app: App) -> Iterator[Finding]:
    """Compare the version with what is needed, and with pins."""
    folders = {
        chosen.infra.directory
        for chosen in app.settings.environments.values()
        if chosen.infra.directory and not chosen.infra.command
    }
    if not folders:
        return
    yield _tool(app, "terraform", TERRAFORM)
    version = app.machine.version("terraform")
    for folder in sorted(folders) if version else ():
        for pin in _pins(app.root / folder):
            if not allows(pin, version):
                words = f"{folder} wants {pin}; here is {version}: `terraform init` fails"
                yield failing("terraform", words, f"Install Terraform {pin}")


def _pins(folder: Path) -> Sequence[str]:
    return [pin for file in sorted(folder.glob("*.tf")) for pin in PINNED.findall(file.read_text("utf-8", "replace"))]


def _tool(app: App, tool: str, least: tuple[int, int]) -> Finding:
    version = app.machine.version(tool)
    wanted = ".".join(map(str, least))
    if not version:
        return failing(tool, "not on PATH", f"Install {tool} {wanted} or later")
    if tuple(map(int, version.split(".")[:2])) < least:
        return failing(tool, f"{version} is older than {wanted}", f"Install {tool} {wanted} or later")
    return ok(tool, version)


# -- the account -------------------------------------------------------------------------------------------------------


def _credentials(app: Account, of: str) -> Iterator[Finding]:
    """Look whose credentials these are, and of which account."""
    about, wanted = f"{of}credentials", app.settings.aws
    actual = (app.caller.split(":") + [""] * 5)[4]
    look = aws_commands.caller(wanted.where)
    if not app.caller:
        yield failing(about, "AWS does not say whose they are", look)
    elif wanted.account and actual != wanted.account:
        yield failing(about, f"{app.caller}, and tagship.toml says account {wanted.account}", look)
    else:
        yield ok(about, app.caller)


def _clock(app: App) -> Iterator[Finding]:
    off = abs(app.clock.now() - app.store.now())
    words = f"{span(off.total_seconds())} off AWS's"
    if off >= REFUSED:
        yield failing("clock", words, "Set this machine's clock")
    elif off >= SKEWED:
        yield warning("clock", words, "Set this machine's clock")
    else:
        yield ok("clock", words)


def _bucket(app: Account, of: str) -> Iterator[Finding]:
    yield from of_bucket(app, f"{of}bucket")


def _account(app: Account, of: str) -> Iterator[Finding]:
    """Compare what `setup` makes with what is there."""
    yield from compared(look(app, ("", "")), of, sandbox=app.settings.sandbox)


def _key_pairs(app: Account, of: str) -> Iterator[Finding]:
    for problem in key_problems(app):
        yield warning(f"{of}keys", problem, commands.setup())


def _regions(app: Account, of: str) -> Iterator[Finding]:
    """Look for stacks in regions that the settings don't name any more."""
    whole, about = app.settings.whole, f"{of}regions"
    stacks = {stack_name(app.settings.app, name): name for name in app.settings.environments}
    named = {name: {place.region for place in whole.places(name)} for name in stacks.values()}
    elsewhere = app.foundation.stacks_elsewhere(list(stacks))
    left = [(region, stacks[stack]) for region, stack in elsewhere.stacks if region not in named[stacks[stack]]]
    for region, name in left:
        words = f"what setup made for {name} in {region} is there still, and the settings don't name that region"
        yield warning(about, words, commands.setup(remove=True, env=name, region=region))
    if elsewhere.unknown:
        yield ok(about, f"not known of {listed(elsewhere.unknown)}, where stacks can't be listed")
    elif not left:
        yield ok(about, "no stack in one that the settings don't name")


OF_ACCOUNTS: Mapping[str, Callable[[Account, str], Iterator[Finding]]] = {
    "credentials": _credentials,
    "bucket": _bucket,
    "account": _account,
    "keys": _key_pairs,
    "regions": _regions,
}
