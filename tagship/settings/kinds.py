"""KINDS: a line for each kind of target; and the settings' model, over any kinds that a test may give."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import Field, create_model

from tagship.settings.asg import Asg
from tagship.settings.ec2 import Ec2
from tagship.settings.ecs import Ecs
from tagship.settings.environment import Environment
from tagship.settings.kind import Kind
from tagship.settings.lambda_ import Lambda
from tagship.settings.model import Settings
from tagship.settings.section import Name

KINDS: tuple[type[Kind], ...] = (Ec2, Lambda, Ecs, Asg)


@cache
def settings_of(kinds: tuple[type[Kind], ...] = KINDS) -> type[Settings]:
    """Make the model of tagship.toml for these kinds of target.

    An environment has a key for each kind's table, and a check that one is there. (A union of whole environments, one
    a kind, would stop at a table that is missing or there twice, and hide the file's other errors.)
    """
    tables: dict[str, Any] = {kind.table: (kind | None, None) for kind in kinds}
    environment: Any = create_model("Environment", __base__=Environment, **tables)
    environments: Any = (Annotated[Mapping[Name, environment], Field(min_length=1)], ...)
    return create_model("Settings", __base__=Settings, environments=environments)
