"""Which variable a secret is, and what names are no secret's."""

from __future__ import annotations

import pytest

from tagship.domain.ec2.hostconf import why_not_settable
from tagship.domain.secrets import SECRETS_MANAGER, SSM, SecretRef, of_parameter, of_secret, problems

ID = "a1b2c3d4-5678-90ab-cdef-000000000001"


@pytest.mark.parametrize(
    ("path", "name", "variable"),
    [
        ("/hello/dev/", "/hello/dev/API_KEY", "API_KEY"),
        ("/hello/dev", "/hello/dev/api-key", "API_KEY"),
        ("/hello/dev/", "/hello/dev/db/pass-word", "DB_PASS_WORD"),
        ("/hello/dev/", "/hello/dev/a.b/c", "A_B_C"),
    ],
)
def test_a_parameters_variable_is_what_stands_below_the_path(path: str, name: str, variable: str) -> None:
    source = of_parameter(path, name)
    assert (source.variable, source.at("3")) == (variable, SecretRef(SSM, name, "3"))


def test_a_secret_may_name_one_value_of_a_json_object() -> None:
    whole, one = of_secret("DB", "hello/dev/db"), of_secret("TOKEN", "hello/dev/api#to.ken")
    assert whole.at(ID) == SecretRef(SECRETS_MANAGER, "hello/dev/db", ID)
    assert one.at(ID) == SecretRef(SECRETS_MANAGER, "hello/dev/api", ID, "to.ken")
    assert str(one.at(ID)) == f"hello/dev/api#to.ken, version {ID}"


@pytest.mark.parametrize(
    ("store", "name", "version", "key"),
    [
        (SSM, "no/slash/first", "1", ""),
        (SSM, "/a b", "1", ""),
        (SSM, "/a", "1:2", ""),
        (SSM, "/a", "1", "key"),
        (SSM, "/a\n", "1", ""),
        (SECRETS_MANAGER, "-name", ID, ""),
        (SECRETS_MANAGER, "name $(id)", ID, ""),
        (SECRETS_MANAGER, "name", "short", ""),
        (SECRETS_MANAGER, "name", "-" + ID, ""),
        (SECRETS_MANAGER, "name", ID, "a b"),
    ],
)
def test_what_no_host_would_take_is_no_reference(store: str, name: str, version: str, key: str) -> None:
    with pytest.raises(ValueError, match="cannot be part of"):
        SecretRef(store, name, version, key)


def test_two_secrets_of_one_variable_are_a_problem_and_both_are_named() -> None:
    sources = [of_parameter("/p/", "/p/db-url"), of_parameter("/p/", "/p/db/url"), of_secret("DB_URL", "s")]
    assert list(problems(sources, {}, settable)) == [
        "/p/db/url would be the variable DB_URL, and so is /p/db-url",
        "s would be the variable DB_URL, and so is /p/db-url",
    ]


def test_a_variable_of_the_settings_is_not_taken_twice() -> None:
    [problem] = problems([of_parameter("/p/", "/p/greeting")], {"GREETING": "hello"}, settable)
    assert problem == "/p/greeting would be the variable GREETING, and so is `variables` of tagship.toml"


@pytest.mark.parametrize(
    ("name", "runtime", "problem"),
    [
        ("/p/port", "process", "is set by the host itself"),
        ("/p/random", "process", "is set by the host itself"),
        ("/p/bash/env", "process", "is set by the host itself"),
        ("/p/1st", "process", "is not a variable's name"),
        ("/p/path", "docker", "would change the docker client"),
        ("/p/docker/host", "docker", "would change the docker client"),
        ("/p/path", "process", ""),
    ],
)
def test_a_variable_that_no_host_could_set_is_a_problem(name: str, runtime: str, problem: str) -> None:
    found = list(problems([of_parameter("/p/", name)], {}, lambda variable: why_not_settable(variable, runtime)))
    assert (problem in found[0]) if problem else not found


def settable(variable: str) -> str:
    """A target that can set any variable."""
    assert variable
    return ""
