"""Names and versions of secrets, by the adapter against the sandbox's AWS and by the fake: no value is asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tagship.adapters.aws.secrets import AwsSecrets
from tagship.errors import Refused, ServiceFailed
from tagship.ports.account import Secrets
from tests.contract import strict_aws
from tests.fakes.secrets import FakeSecrets

numbers = itertools.count(1)


@dataclass
class Given:
    """Secrets, and how a test puts one there: each returns the version that it got."""

    secrets: Secrets
    parameter: Callable[[str, str], str]
    secret: Callable[[str, str], str]
    top: str  # a name that no other test has


@pytest.fixture(params=["aws", "fake"])
def given(request: pytest.FixtureRequest) -> Given:
    top = f"contract{next(numbers)}"
    if request.param == "aws":
        return Given(AwsSecrets(strict_aws.aws()), _put_parameter, _put_secret, top)
    fake = FakeSecrets()

    def parameter(name: str, value: str) -> str:
        fake.stored[name] = str(int(fake.stored.get(name, "0")) + 1)
        return fake.stored[name]

    def secret(name: str, value: str) -> str:
        fake.managed[name] = f"{next(numbers):032}"
        return fake.managed[name]

    return Given(fake, parameter, secret, top)


def _put_parameter(name: str, value: str) -> str:
    client = strict_aws.aws().client("ssm")
    return str(client.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)["Version"])


def _put_secret(name: str, value: str) -> str:
    client = strict_aws.aws().client("secretsmanager")
    try:
        return client.put_secret_value(SecretId=name, SecretString=value)["VersionId"]
    except client.exceptions.ResourceNotFoundException:
        return client.create_secret(Name=name, SecretString=value)["VersionId"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_parameter_below_a_path_is_named_with_its_newest_version(given: Given, slash: str) -> None:
    for name in ("a", "b/c-d", "b/e.f"):
        given.parameter(f"/{given.top}/{name}", "one")
    given.parameter(f"/{given.top}/a", "two")
    given.parameter(f"/{given.top}elsewhere/a", "other")
    found = given.secrets.parameters(f"/{given.top}{slash}")
    assert found == {f"/{given.top}/a": "2", f"/{given.top}/b/c-d": "1", f"/{given.top}/b/e.f": "1"}


def test_more_parameters_than_a_page_holds(given: Given) -> None:
    for number in range(60):
        given.parameter(f"/{given.top}/p{number}", "x")
    assert len(given.secrets.parameters(f"/{given.top}/")) == 60


def test_no_parameter_below_a_path(given: Given) -> None:
    assert given.secrets.parameters(f"/{given.top}/") == {}


def test_the_version_that_is_current_is_the_one_put_last(given: Given) -> None:
    first = given.secret(f"{given.top}/db", "one")
    assert given.secrets.current(f"{given.top}/db") == first
    second = given.secret(f"{given.top}/db", "two")
    assert given.secrets.current(f"{given.top}/db") == second != first


def test_a_secret_that_is_not_there_is_refused_by_name(given: Given) -> None:
    with pytest.raises(Refused, match=f"The secret {given.top}/db does not exist in us-east-1") as caught:
        given.secrets.current(f"{given.top}/db")
    assert f"aws secretsmanager create-secret --name {given.top}/db" in caught.value.remedy


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """The operations that are asked of AWS."""
    aws, names = strict_aws.aws(), list[str]()

    def note(model: Any, **_: Any) -> None:
        names.append(model.name)

    clients = [aws.client("ssm"), aws.client("secretsmanager")]
    for client in clients:
        client.meta.events.register("before-call", note)
    yield names
    for client in clients:
        client.meta.events.unregister("before-call", note)


def test_no_operation_that_answers_with_a_value_is_asked_for(asked: list[str]) -> None:
    top = f"contract{next(numbers)}"
    _put_parameter(f"/{top}/a", "one")
    _put_secret(f"{top}/db", "one")
    asked.clear()
    secrets = AwsSecrets(strict_aws.aws())
    secrets.parameters(f"/{top}/")
    secrets.current(f"{top}/db")
    assert set(asked) == {"DescribeParameters", "DescribeSecret"}


def test_a_secret_that_is_being_deleted_is_refused() -> None:
    name = f"contract{next(numbers)}/db"
    _put_secret(name, "one")
    strict_aws.aws().client("secretsmanager").delete_secret(SecretId=name)
    with pytest.raises(Refused, match="is being deleted") as caught:
        AwsSecrets(strict_aws.aws()).current(name)
    assert f"aws secretsmanager restore-secret --secret-id {name}" in caught.value.remedy


def test_a_secret_without_a_value_is_refused() -> None:
    name = f"contract{next(numbers)}/db"
    strict_aws.aws().client("secretsmanager").create_secret(Name=name)
    with pytest.raises(Refused, match="has no value"):
        AwsSecrets(strict_aws.aws()).current(name)


def test_an_outage_is_the_services_failure() -> None:
    from tagship.adapters.aws.session import Aws

    away = Aws("us-east-1", "http://127.0.0.1:1", sandbox=True)
    with pytest.raises(ServiceFailed, match=r"looking for the parameters below /x/"):
        AwsSecrets(away).parameters("/x/")
