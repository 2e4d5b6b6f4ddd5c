"""Lambda that runs: functions of zip files and images with a Python handler, their versions and their aliases.

Follows the API reference of each operation
(https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html and its neighbours), and
https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html. Stock moto knows no RevisionId, ends each update at
once, lets all versions share one code, and uses numbers again. Here an update takes a while, in which invocations run
the old code and other changes are refused; RevisionId and CodeSha256 are guards; a version never changes.

Its switches, by POST /sandbox/faults: {"lambda": {"update": 0.3}} is the seconds of an update and of a new version's
State Pending, "snapshot" those of a version with SnapStart; "throttled" invocations answer 429; "lost" publishings make
no version and answer with the last; "failed_updates", "failed_snapshots" and "failed_provisionings" end as Failed;
"states" sets the State of `name:version`;
"executions" [[name, version, id]] have not ended; "simulated" runs no handlers, and has each invocation answer with the
variable VERSION.

An image is one of this sandbox's own, and its command is the handler. One that was built for another architecture than
the function's is taken, and cannot be started, as on AWS. SnapStart: lambda_snapstart.py.

Does not model: an image's base and its index, layers, capacity providers, asynchronous invocations, the limits on sizes
and on the rate of requests, and the context of a handler.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.awslambda.models import LambdaBackend
from moto.awslambda.responses import LambdaResponse

from tagship.sandbox.aws import stock, tags
from tagship.sandbox.aws.apart import AccountRegion, Apart
from tagship.sandbox.aws.lambda_api import LambdaApi
from tagship.sandbox.aws.lambda_faults import Faults
from tagship.sandbox.aws.lambda_kept import Kept
from tagship.sandbox.aws.lambda_requests import put
from tagship.sandbox.world import World


def install(world: World) -> None:
    """Replace moto's operations by those that act on this world."""
    faults = Faults()

    def make(place: AccountRegion) -> LambdaApi:
        return LambdaApi(world, Kept(place), faults)

    apart = Apart(make)
    for path in ("provisioned-concurrency", "urls", "durable-executions"):
        stock.route("awslambda", path, LambdaResponse.dispatch)
    world.switches["lambda"] = lambda asked: _switch(apart, faults, asked)
    tags.tell(LambdaBackend, "lambda:function", lambda place: apart.at(place).kept.tagged())
    for act in apart.at(AccountRegion(world.region)).operations:
        put(act.__name__, apart)


def _switch(apart: Apart[LambdaApi], faults: Faults, asked: Mapping[str, Any]) -> None:
    """Set what tests can set, in whatever account and region."""
    for name, value in asked.items():
        if name == "executions":  # [[function, version, name]] that have not ended
            for function in (function for api in apart.all() for function in api.kept.functions.values()):
                function.executions = [(version, id_) for of, version, id_ in value if of == function.name]
        elif name == "states":
            for key, state in value.items():
                function_name, _, version = key.partition(":")
                for api in apart.all():
                    api.set_state(function_name, version, state)
        else:
            setattr(faults, name, type(getattr(faults, name))(value))
