"""Whose jobs get an environment's roles on AWS: workflow files, each as it is at a ref.

Written as GitHub's tokens say it in `job_workflow_ref`: deploy-dev.yml@refs/tags/*-dev.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, StringConstraints

from tagship.settings.section import Section

if TYPE_CHECKING:
    from tagship.settings.model import Settings

# A `*` stands in a tag's name alone: whoever may push a branch that begins alike would get the role.
SOURCE = r"^([*]|[A-Za-z0-9._-]+[.]ya?ml@refs/(heads/[A-Za-z0-9][A-Za-z0-9._/-]*|tags/[A-Za-z0-9._/*-]{1,80}))$"
ANY = "*"
BUILT, UNIFIED = "build-and-promote.yml", "deploy.yml"
ROLES = ("ship", "rollback", "verify")

Source = Annotated[str, StringConstraints(pattern=SOURCE)]
Sources = tuple[Source, ...]


class Workflows(Section):
    """Whose jobs get each role of an environment.

    They take the place of those that `init` writes.

    `["*"]`: any workflow's; `[]`: nobody's, and the role is not made.
    """

    words: ClassVar[Mapping[str, str]] = {
        SOURCE: 'a workflow file at a branch or tag, such as "rollback.yml@refs/heads/main", or "*"'
    }

    ship: Annotated[Sources, Field(min_length=1)] | None = None
    rollback: Sources | None = None
    verify: Sources | None = None


def trusted(settings: "Settings", environment: str, own: str = "") -> Mapping[str, Sequence[str]]:
    """Return the workflows that get each role of an environment.

    An empty list: nobody; `["*"]`: any workflow. `own` is what the files of an app in a folder begin with.
    """
    chosen, branch = settings.environments[environment], settings.ci.branch
    if settings.workflow(environment) == "":
        derived: dict[str, Sequence[str]] = dict.fromkeys(ROLES, (ANY,))
    else:
        derived = {name: (f"{own}{name}.yml@refs/heads/{branch}",) for name in ("rollback", "verify")}
        derived["ship"] = tuple(dict.fromkeys(_shipping(settings, environment, own)))
    named = {name: getattr(chosen.workflows, name) for name in ROLES}
    return {name: derived[name] if named[name] is None else named[name] for name in ROLES}


def _shipping(settings: "Settings", environment: str, own: str) -> Iterator[str]:
    """Yield what ships to an environment by the workflows that `init` writes."""
    order, main = settings.promotion.order, settings.ci.branch
    branch, file = settings.environments[environment].branch, settings.workflow(environment)
    if len(order) > 1 and environment == order[-1]:  # nothing but a promotion, which somebody approves
        yield f"{file}@refs/heads/{main}"
        return
    yield f"{file}@refs/tags/{tags(settings, environment)}"
    if len(order) > 1 and environment == order[-2]:
        yield f"{own}{BUILT}@refs/heads/{branch or main}"
    if order:
        yield f"{own}{UNIFIED}@refs/heads/{main}"
    if order and branch and environment not in order:
        yield f"{own}{UNIFIED}@refs/heads/{branch}"


def tags(settings: "Settings", environment: str) -> str:
    """Return the pattern of an environment's tags, such as *-dev."""
    return settings.tags.names.pattern(settings.suffix(environment))


def files(sources: Sequence[str]) -> list[str]:
    """Name the workflow files, each once; none if any may be."""
    return [] if ANY in sources else list(dict.fromkeys(source.partition("@")[0] for source in sources))


def refs(
    settings: "Settings", environment: str, own: str = "", is_there: Callable[[str], bool] = lambda _: True
) -> list[tuple[str, str]]:
    """List the branches and tags whose jobs get a role.

    As kind (branch or tag) and name, of the workflow files that are there.
    """
    every = [source for role in trusted(settings, environment, own).values() for source in role]
    sources = [source for source in every if source == ANY or is_there(source.partition("@")[0])]
    if ANY in sources:  # GitHub's environment alone keeps the roles then: to what init's workflows run at
        sources += [f"@refs/tags/{tags(settings, environment)}", f"@refs/heads/{settings.ci.branch}"]
    ends = dict.fromkeys(source.partition("@refs/")[2] for source in sources if source != ANY)
    kinds = {"heads": "branch", "tags": "tag"}
    places = [(kinds[end.partition("/")[0]], end.partition("/")[2]) for end in ends]
    on_github = settings.tags.names.on_github(settings.suffix(environment))  # whose * is no slash
    return [("tag", on_github) if place == ("tag", tags(settings, environment)) else place for place in places]
