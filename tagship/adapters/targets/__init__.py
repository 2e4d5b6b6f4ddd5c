"""What an environment can run on: a line for each kind. A kind's own parts are here under its name, and nowhere else.

A kind named k is domain/k (its wire formats), settings/k (its table), adapters/targets/k and what its service is in the
sandbox. Its module here has a function `connect(context, environment)` that gives the Target.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from tagship.ports.app import Account
from tagship.ports.target import Target

KINDS = {  # the name of a kind -> the module that connects to it, imported when it is first needed
    "ec2": "tagship.adapters.targets.ec2.target",
    "lambda": "tagship.adapters.targets.lambda_.target",
    "ecs": "tagship.adapters.targets.ecs.target",
    "asg": "tagship.adapters.targets.asg.target",
}


class Context(Account, Protocol):
    """What a kind is given: the app in the environment's account."""

    @property
    def aws(self) -> Any:
        """Return the AWS session; see tagship.adapters.aws.session.Aws."""


def connect(context: Context, environment: str) -> Target:
    """Connect to an environment's target, by the kind in its settings."""
    module = import_module(KINDS[context.settings.environment(environment).target.table])
    target: Target = module.connect(context, environment)
    return target
