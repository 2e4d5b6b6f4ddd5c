"""The functions that a sandbox keeps, found by what a request names."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tagship.sandbox.aws import lambda_answers as answers
from tagship.sandbox.aws.apart import AccountRegion
from tagship.sandbox.aws.lambda_requests import IN_PROGRESS, Given, LambdaError, check_revision, not_found
from tagship.sandbox.functions.function import LATEST, Alias, Function, Version


@dataclass
class Kept:
    """All functions of a region, by name."""

    place: AccountRegion
    functions: dict[str, Function] = field(default_factory=dict)

    def add(self, function: Function) -> Function:
        self.functions[function.name] = function
        return function

    def tagged(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield the ARN and the tags of each function that has tags."""
        for function in self.functions.values():
            if function.tags:
                yield answers.arn(self.place, function.name), function.tags

    def function(self, given: Given) -> Function:
        name = given["FunctionName"]
        if name not in self.functions:
            raise not_found("Function", answers.arn(self.place, name))
        self.functions[name].settle()
        return self.functions[name]

    def changeable(self, given: Given) -> Function:
        """Return a function that may be changed now."""
        function = self.function(given)
        if function.updating:
            arn = answers.arn(self.place, function.name)
            raise LambdaError("ResourceConflictException", IN_PROGRESS.format(arn=arn), 409)
        check_revision(given, function.revision)
        return function

    def version(self, function: Function, qualifier: str) -> Version | None:
        """Return the version that a qualifier names; None for $LATEST."""
        alias = function.aliases.get(qualifier)
        number = _chosen(alias) if alias else qualifier
        if number != LATEST and number not in function.versions:
            raise not_found("Function", answers.arn(self.place, function.name, qualifier))
        return function.versions.get(number)

    def existing(self, function: Function, number: str) -> str:
        """Return a number that an alias may have."""
        if number != LATEST and number not in function.versions:
            raise not_found("Function", answers.arn(self.place, function.name, number))
        return number

    def alias(self, function: Function, name: str) -> Alias:
        if name not in function.aliases:
            arn = answers.arn(self.place, function.name, name)
            raise LambdaError("ResourceNotFoundException", f"Cannot find alias arn: {arn}", 404)
        return function.aliases[name]

    def weights(self, function: Function, given: Given) -> Mapping[str, float]:
        weights = (given.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return {self.existing(function, number): float(weight) for number, weight in weights.items()}


def _chosen(alias: Alias) -> str:
    """Choose a version by the alias's weights, at random as AWS does."""
    numbers = [*alias.weights, alias.version]
    shares = [*alias.weights.values(), 1.0 - sum(alias.weights.values())]
    return random.choices(numbers, shares)[0]  # noqa: S311 (traffic, not a secret)
