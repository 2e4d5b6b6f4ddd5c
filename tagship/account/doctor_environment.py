"""What `doctor` asks of an environment beside its units and GitHub: keys, secrets, images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tagship.account.named_repositories import is_made
from tagship.domain import aws_commands, commands
from tagship.domain.expiry import expiries
from tagship.domain.finding import Finding, failing, ok, warning
from tagship.domain.foundation import repository_name
from tagship.domain.keys import named
from tagship.domain.text import counted
from tagship.engine.rollback_candidates import OFFERED
from tagship.errors import Refused
from tagship.ports.app import Account
from tagship.settings import Image


def _public_keys(app: Account, environment: str) -> Iterator[Finding]:
    about = f"{environment}: public keys"
    if app.settings.environments[environment].allow_unsigned:
        yield warning(about, "takes artifacts that nobody signed", "Take allow_unsigned out of tagship.toml")
        return
    yield ok(about, named(app.keys(environment).verifier.public_keys()))


def _secrets(app: Account, environment: str) -> Iterator[Finding]:
    """Look whether the secrets of the settings are there."""
    # No value is asked for.
    about, wanted = f"{environment}: secrets", app.settings.environments[environment].secrets
    count = 0
    if wanted.parameter_store:
        parameters = app.secrets.parameters(wanted.parameter_store)
        count += len(parameters)
        if not parameters:
            name = f"{wanted.parameter_store.rstrip('/')}/NAME"
            fix = aws_commands.put_parameter(name, app.settings.aws.where)
            yield failing(about, f"there is no parameter below {wanted.parameter_store}", fix)
    for name in sorted({secret.partition("#")[0] for secret in wanted.secrets_manager.values()}):
        try:
            app.secrets.current(name)
            count += 1
        except Refused as reason:
            yield failing(about, reason.what.rstrip("."), reason.remedy)
    if count:
        yield ok(about, f"{counted(count, 'value')} there")


def _images(app: Account, environment: str) -> Iterator[Finding]:
    """Look whether the registry keeps the images that a rollback wants."""
    images = {} if app.settings.sandbox else app.settings.images_of(environment)
    repositories = {repository_name(image.repository): name for name, image in images.items()}
    for repository, name in repositories.items():
        if repository:
            yield from _repository(app, environment, repository, images[name], named=bool(name))


def _repository(app: Account, environment: str, name: str, image: Image, *, named: bool) -> Iterator[Finding]:
    """Look at mutability and lifecycle policy of a repository of ECR."""
    about, images = f"{environment}: images", app.foundation.image_repository(name)
    if images is None:
        create = aws_commands.make_repository(name, app.settings.aws.where)
        fix = commands.setup() if is_made(app, image.repository) or not named else create
        yield failing(about, f"ECR has no repository {name}", fix, safe=not named)
        return
    suffix = app.settings.suffix(environment)
    lost = expiries(images.lifecycle, [f"0.1.0-{suffix}" if suffix else "0.1.0"], OFFERED)
    if images.movable:
        fix = aws_commands.keep_tags(name, image.moved_tags(environment), app.settings.aws.where)
        yield warning(about, f"a push may move a version's tag in {name}", fix)
    for words in lost:
        fix = aws_commands.lifecycle_policy(name, app.settings.aws.where)
        yield warning(about, f"the lifecycle policy of {name} {words}: older versions can't be gone back to", fix)
    if not (lost or images.movable):
        yield ok(about, f"{name} keeps every version's image")


CHECKS: Mapping[str, Callable[[Account, str], Iterator[Finding]]] = {
    "public keys": _public_keys,
    "secrets": _secrets,
    "images": _images,
}
