"""Functions of Lambda in tagship.toml: what is missing or cannot work is told in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.settings import Settings
from tagship.settings.lambda_ import Lambda
from tests.unit.settings_text import APP, Text

TOP = (
    APP
    + """\
packages.api.directory = "build/api"
[environments.dev]
"""
)
FUNCTIONS = 'lambda.functions.hello = { package = "api" }\n'
HELLO = "environments.dev.lambda.functions.hello"
FILE = Text(TOP)
read, errors = FILE.read, FILE.errors


def functions(settings: Settings) -> Lambda:
    found = settings.environment("dev").runs_on(Lambda)
    assert found
    return found


def test_a_function_and_its_package_are_all_that_is_needed(tmp_path: Path) -> None:
    made = functions(read(tmp_path, FUNCTIONS))
    assert (made.alias, made.timeout, made.packages) == ("live", 300, ("api",))
    assert made.functions["hello"].health.expect == {}
    assert made.stack_parameters == {"Hosts": "no"}, "setup makes no role for hosts"
    assert (made.rules.concurrency, made.rules.errors, made.has_image) == ("100%", "0", False)


def test_a_function_may_run_the_environments_image(tmp_path: Path) -> None:
    text = (
        'lambda.functions.hello.image = true\nlambda.functions.b.package = "api"\nimage.repository = "r.example/hello"'
    )
    made = functions(read(tmp_path, text))
    assert (made.has_image, made.packages, made.functions["hello"].image) == (True, ("api",), True)


def test_expected_values_are_compared_as_text(tmp_path: Path) -> None:
    text = (
        'lambda.functions.hello = { package = "api", health.expect = { ok = true, code = 200, "a.b" = "{version}" } }\n'
    )
    assert functions(read(tmp_path, text)).functions["hello"].health.expect == {
        "ok": "true",
        "code": "200",
        "a.b": "{version}",
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("lambda = {}", "environments.dev.lambda.functions: missing; add it"),
        ("lambda.functions = {}", "environments.dev.lambda.functions: must not be empty: add at least one"),
        ("lambda.functions.hello = {}", f"{HELLO}.package: missing; add it, or image = true"),
        (
            'lambda.functions.hello.image = true',
            (
                "environments.dev.image.repository: a function with image = true needs the repository that images are "
                "pushed to"
            ),
        ),
        (
            'image.repository = "r.example/hello"\nlambda.functions.hello = { package = "api", image = true }',
            f"{HELLO}.package: is for a zip file, and `image` is for a container image: take one of them out",
        ),
        (
            'lambda.functions.hello.package = "worker"',
            f'{HELLO}.package: names "worker", which nothing makes: add [packages.worker]',
        ),
        (
            'lambda.functions."a b".package = "api"',
            ("environments.dev.lambda.functions.a b: the name must be a function's name: letters, digits, hyphens and "
            "underscores, at most 64"),
        ),
        (
            'lambda.functions.hello = { package = "api", health.payload = "{" }',
            f"{HELLO}.health.payload: is not JSON: give the event that the function is asked with",
        ),
        (
            'lambda.functions.hello = { package = "api", health.paylod = "{}" }',
            f"{HELLO}.health.paylod: unknown key; did you mean payload?",
        ),
        (
            'lambda.functions.hello = { package = "api", health = { event = "a.json", payload = "{}" } }',
            f"{HELLO}.health.event: and payload are both given: take one of them out",
        ),
        (
            'lambda.functions.hello = { package = "api", health.kind = "http" }',
            f'{HELLO}.health.kind: must be "invoke"; is "http"',
        ),
        (
            'lambda.functions.hello = { package = "api", payload = "{}", expect = { code = 200 } }',
            f"{HELLO}.expect moved to {HELLO}.health.expect",
        ),
        (
            FUNCTIONS + 'lambda.alias = "1"',
            ("environments.dev.lambda.alias: must be an alias: letters, digits, hyphens and underscores, a letter "
            'first; is "1"'),
        ),
        (
            FUNCTIONS + 'secrets.parameter_store = "/hello/dev/"',
            ("environments.dev.secrets.parameter_store: is for hosts: a function reads its secrets itself, with its "
            "own role"),
        ),
        (
            FUNCTIONS + 'variables.AWS_REGION = "x"',
            "environments.dev.variables.AWS_REGION: is a variable of Lambda's own: give it another name",
        ),
        (
            FUNCTIONS + 'variables._X = "x"',
            "environments.dev.variables._X: is not a variable that Lambda takes: give it another name",
        ),
        (
            FUNCTIONS + "[packages.worker]\n",
            "packages.worker.directory: missing; add it",
        ),
        (
            FUNCTIONS + '[packages.worker]\ndirectory = "../x"\n',
            'packages.worker.directory: "../x" is outside the repository: give a path relative to its top',
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told_with_its_place(tmp_path: Path, text: str, error: str) -> None:
    assert error in errors(tmp_path, text + "\n")


def test_the_bundle_carries_the_variables(tmp_path: Path) -> None:
    files = read(tmp_path, FUNCTIONS + 'variables = { NAME_B = "2", NAME_A = "1" }\n').files()
    assert files == {"deploy/environments/dev.json": b'{\n  "NAME_A": "1",\n  "NAME_B": "2"\n}\n'}


def test_functions_and_packages_are_keys_of_their_own_for_variables(tmp_path: Path) -> None:
    given = {
        "TAGSHIP_PACKAGES": '{ other = { directory = "x" } }',
        "TAGSHIP_ENVIRONMENTS_DEV_LAMBDA_FUNCTIONS": '{ hi = { package = "other" } }',
        "TAGSHIP_ENVIRONMENTS_DEV_LAMBDA_ALIAS": "blue",
    }
    made = functions(read(tmp_path, FUNCTIONS, given))
    assert (list(made.functions), made.alias) == (["hi"], "blue")


def test_an_empty_alias_is_for_functions_that_callers_call_themselves(tmp_path: Path) -> None:
    assert functions(read(tmp_path, 'lambda.alias = ""\n' + FUNCTIONS)).alias == ""
    assert functions(read(tmp_path, FUNCTIONS)).alias == "live"


def test_steps_rise_and_have_something_that_stops_them(tmp_path: Path) -> None:
    steps = "lambda.steps = [{ percent = 10, minutes = 5 }, { percent = 50, minutes = 5 }]\n" + FUNCTIONS
    made = functions(read(tmp_path, 'lambda.alarms = ["a"]\n' + steps))
    assert [(step.percent, step.minutes) for step in made.steps] == [(10, 5), (50, 5)]
    assert made.longest == 300 + 600
    place = "environments.dev.lambda"
    assert errors(tmp_path, steps) == [
        f"{place}.steps: only delays without alarms or errors to stop it: add one of them"
    ]
    falling = steps.replace("percent = 50", "percent = 10")
    assert errors(tmp_path, "lambda.errors = 1\n" + falling) == [
        f"{place}.steps: has to rise: each step gives the new version more of the calls than the one before"
    ]
    assert errors(tmp_path, 'lambda.alias = ""\nlambda.errors = 1\n' + steps) == [
        f"{place}.steps: needs an alias, which sends shares of the calls"
    ]
    assert errors(tmp_path, 'lambda.alarms = ["a"]\n' + FUNCTIONS) == [
        f"{place}.alarms: is looked at between steps, and there are none: add steps"
    ]


def test_the_older_table_of_outputs_has_an_error_with_its_new_places(tmp_path: Path) -> None:
    older = 'lambda.outputs = { file = "x.json", variables = { QUEUE = "Stack.Url", VERSION = "v" } }\n'
    place = "environments.dev"
    assert errors(tmp_path, older + FUNCTIONS) == [
        f"{place}.lambda.outputs.file moved to {place}.outputs",
        f'{place}.lambda.outputs.variables.QUEUE moved to {place}.variables.QUEUE = "{{outputs.Stack.Url}}"',
        f'{place}.lambda.outputs.variables.VERSION moved to {place}.variables.VERSION = "{{outputs.v}}"',
        f"{place}.variables.VERSION: is set by tagship itself: give it another name",
    ]
