"""What is around a function of the sandbox: concurrency, its URLs, and who may call it.

Follows the API reference of each operation
(https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html and its neighbours). Moving an
alias begins its provisioned concurrency anew. Does not model: that a URL answers, what policies allow, and throttling
by reserved concurrency.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tagship.sandbox.aws import lambda_answers as answers
from tagship.sandbox.aws import lambda_snapstart as snapstart
from tagship.sandbox.aws.lambda_kept import Kept
from tagship.sandbox.aws.lambda_requests import Given, LambdaError, not_found
from tagship.sandbox.functions.function import Function, Provisioned
from tagship.sandbox.pace import now

ALL = ""  # the qualifier of what is there for the function itself


@dataclass
class Around:
    """The operations.

    `ready` says when what begins now will have ended, and `fails` whether it will have failed.
    """

    kept: Kept
    ready: Callable[[], datetime]
    fails: Callable[[], bool]

    @property
    def operations(self) -> Sequence[Callable[[Given], Given]]:
        return (
            self.put_function_concurrency,
            self.get_function_concurrency,
            self.delete_function_concurrency,
            self.put_provisioned_concurrency_config,
            self.get_provisioned_concurrency_config,
            self.list_provisioned_concurrency_configs,
            self.list_durable_executions_by_function,
            self.create_function_url_config,
            self.list_function_url_configs,
            self.add_permission,
            self.get_policy,
        )

    # -- concurrency ---------------------------------------------------------------------------------------------------

    def put_function_concurrency(self, given: Given) -> Given:
        function = self.kept.function(given)
        function.reserved = int(given["ReservedConcurrentExecutions"])
        return self.get_function_concurrency(given)

    def get_function_concurrency(self, given: Given) -> Given:
        reserved = self.kept.function(given).reserved
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def delete_function_concurrency(self, given: Given) -> Given:
        self.kept.function(given).reserved = None
        return {}

    def put_provisioned_concurrency_config(self, given: Given) -> Given:
        function = self.kept.function(given)
        version = self.kept.version(function, given["Qualifier"])
        if version and snapstart.chosen(version.content.settings):
            words = "Provisioned Concurrency is not supported for SnapStart enabled functions."
            raise LambdaError("InvalidParameterValueException", words)
        wanted = int(given["ProvisionedConcurrentExecutions"])
        function.provisioned[given["Qualifier"]] = Provisioned(wanted, self.ready(), failed=self.fails())
        return self.get_provisioned_concurrency_config(given)

    def get_provisioned_concurrency_config(self, given: Given) -> Given:
        provisioned = self.kept.function(given).provisioned.get(given["Qualifier"])
        if provisioned is None:
            code = "ProvisionedConcurrencyConfigNotFoundException"
            raise LambdaError(code, "No Provisioned Concurrency Config found for this function", 404)
        status = "IN_PROGRESS" if now() < provisioned.ready else "FAILED" if provisioned.failed else "READY"
        allocated = provisioned.wanted if status == "READY" else 0
        answer = {
            "RequestedProvisionedConcurrentExecutions": provisioned.wanted,
            "AllocatedProvisionedConcurrentExecutions": allocated,
            "AvailableProvisionedConcurrentExecutions": allocated,
            "Status": status,
            "LastModified": f"{now():%Y-%m-%dT%H:%M:%S+0000}",
        }
        return answer | ({"StatusReason": "FUNCTION_ERROR_INIT_FAILURE"} if status == "FAILED" else {})

    def list_provisioned_concurrency_configs(self, given: Given) -> Given:
        function = self.kept.function(given)
        rows = [
            {
                **self.get_provisioned_concurrency_config({**given, "Qualifier": qualifier}),
                "FunctionArn": answers.arn(self.kept.place, function.name, qualifier),
            }
            for qualifier in function.provisioned
        ]
        return {"ProvisionedConcurrencyConfigs": rows}

    def list_durable_executions_by_function(self, given: Given) -> Given:
        function = self.kept.function(given)
        number = given.get("Qualifier", "")
        arn = answers.arn(self.kept.place, function.name, number)
        rows = [
            {
                "DurableExecutionArn": f"{arn}/durable-execution/{name}",
                "DurableExecutionName": name,
                "FunctionArn": arn,
                "Status": "RUNNING",
                "StartTimestamp": now(),
            }
            for version, name in function.executions
            if version == number
        ]
        return {"DurableExecutions": rows}

    def moved(self, function: Function, alias: str) -> None:
        """Begin an alias's provisioned concurrency anew."""
        if before := function.provisioned.get(alias):
            function.provisioned[alias] = Provisioned(before.wanted, self.ready(), failed=self.fails())

    # -- who calls it --------------------------------------------------------------------------------------------------

    def create_function_url_config(self, given: Given) -> Given:
        function = self.kept.function(given)
        function.urls[given.get("Qualifier", ALL)] = given["AuthType"]
        return self._url(function, given.get("Qualifier", ALL))

    def list_function_url_configs(self, given: Given) -> Given:
        function = self.kept.function(given)
        return {"FunctionUrlConfigs": [self._url(function, qualifier) for qualifier in function.urls]}

    def _url(self, function: Function, qualifier: str) -> Given:
        day = f"{now():%Y-%m-%dT%H:%M:%S.000Z}"
        return {
            "FunctionUrl": f"https://{function.name.lower()}.lambda-url.{self.kept.place.region}.on.aws/",
            "FunctionArn": answers.arn(self.kept.place, function.name, qualifier),
            "AuthType": function.urls[qualifier],
            "CreationTime": day,
            "LastModifiedTime": day,
        }

    def add_permission(self, given: Given) -> Given:
        function = self.kept.function(given)
        qualifier = given.get("Qualifier", ALL)
        statement = {
            "Sid": given["StatementId"],
            "Effect": "Allow",
            "Principal": given["Principal"],
            "Action": given["Action"],
            "Resource": answers.arn(self.kept.place, function.name, qualifier),
        }
        function.policies.setdefault(qualifier, []).append(statement)
        return {"Statement": json.dumps(statement)}

    def get_policy(self, given: Given) -> Given:
        function = self.kept.function(given)
        qualifier = given.get("Qualifier", ALL)
        if qualifier not in function.policies:
            raise not_found("Policy", answers.arn(self.kept.place, function.name, qualifier))
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": function.policies[qualifier]}
        return {"Policy": json.dumps(policy), "RevisionId": function.revision}
