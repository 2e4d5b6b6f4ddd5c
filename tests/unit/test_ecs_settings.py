"""Services of ECS in tagship.toml: what is missing or cannot work is told in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.settings import Settings
from tagship.settings.ecs import Ecs
from tests.unit.settings_text import APP, Text

TOP = APP + "[environments.dev]\n"
IMAGE = 'image.repository = "hello"\n'
SERVICES = IMAGE + 'ecs = { cluster = "dev", services = { hello-dev-api = {} } }\n'
TABLE = 'ecs.cluster = "dev"\necs.services.hello-dev-api = {}\n'
API = "environments.dev.ecs.services.hello-dev-api"
FILE = Text(TOP)
read, errors = FILE.read, FILE.errors


def services(settings: Settings) -> Ecs:
    chosen = settings.environment("dev").runs_on(Ecs)
    assert chosen
    return chosen


def test_a_cluster_and_a_service_and_the_repository_are_all_that_is_needed(tmp_path: Path) -> None:
    made = services(read(tmp_path, SERVICES))
    assert (made.cluster, made.timeout, made.longest, made.has_image) == ("dev", 900, 1800, True)
    assert (made.services["hello-dev-api"].containers, made.monitors.failures, made.monitors.alarms) == ((), 0, ())
    assert (made.rules.concurrency, made.rules.errors) == ("100%", "0")


def test_setup_is_told_the_services_and_the_roles_and_makes_none_for_hosts(tmp_path: Path) -> None:
    made = services(read(tmp_path, IMAGE + TABLE + 'ecs.roles = ["task"]\n'))
    assert (made.stack_services, made.stack_passed_roles) == (("dev/hello-dev-api",), ("task",))
    assert made.stack_parameters == {"Hosts": "no"}
    assert made.stack_families == ("hello-dev-api",)
    named = services(read(tmp_path, IMAGE + TABLE + 'ecs.families = ["hello"]\n'))
    assert named.stack_families == ("hello",)


def test_hooks_that_run_tasks_have_families_of_their_own(tmp_path: Path) -> None:
    assert read(tmp_path, SERVICES).families("dev") == ["hello-dev-api"]
    by_service = 'hooks.before_switch = { command = ["migrate"], task = { service = "hello-dev-api" } }\n'
    assert read(tmp_path, SERVICES + by_service).families("dev") == ["hello-dev-api", "hello-dev-api-hook"]
    by_family = by_service.replace('service = "hello-dev-api"', 'service = "hello-dev-api", family = "migrations"')
    families = read(tmp_path, SERVICES + by_family).families("dev")
    assert families == ["hello-dev-api", "hello-dev-api-hook", "migrations", "migrations-hook"]


def test_services_in_order_are_batches_of_one(tmp_path: Path) -> None:
    made = services(read(tmp_path, IMAGE + TABLE + 'ecs.order = "in order"\n'))
    assert (made.rules.batch(3), made.rules.errors) == (1, "0")


def test_a_strategy_adds_what_it_waits_to_the_time_that_a_service_may_take(tmp_path: Path) -> None:
    rolling = services(read(tmp_path, IMAGE + TABLE))
    canary = services(read(tmp_path, IMAGE + TABLE + 'ecs.strategy = { kind = "canary", minutes = 30, bake = 5 }\n'))
    assert (rolling.strategy.configuration, canary.longest - rolling.longest) == ({}, 35 * 60)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (IMAGE + "ecs = {}", "environments.dev.ecs.cluster: missing; add it"),
        (IMAGE + 'ecs = { cluster = "dev" }', "environments.dev.ecs.services: missing; add it"),
        (
            IMAGE + 'ecs = { cluster = "dev", services = {} }',
            "environments.dev.ecs.services: must not be empty: add at least one",
        ),
        (
            TABLE,
            "environments.dev.image.repository: is missing: name the repository of the image that the services run",
        ),
        (
            IMAGE + 'ecs = { cluster = "dev", services = { "a/b" = {} } }',
            ("environments.dev.ecs.services.a/b: the name must be a service's or a cluster's name: letters, digits, "
            "hyphens and underscores"),
        ),
        (
            IMAGE + 'ecs = { cluster = "dev", services = { hello-dev-api = { url = "http://a", version_key = "v" } } }',
            f"{API}.version_key moved to {API}.health.version_key",
        ),
        (
            IMAGE + 'ecs = { cluster = "dev", services = { hello-dev-api = { health = { version_key = "v" } } } }',
            f'{API}.health.url: is missing: kind = "http" needs it',
        ),
        (
            IMAGE + 'ecs = { cluster = "dev", services = { hello-dev-api = { health = { kind = "tcp" } } } }',
            f'{API}.health.address: is missing: kind = "tcp" needs it',
        ),
        (
            IMAGE + 'ecs = { cluster = "dev", services = { hello-dev-api = { health = { command = ["a"] } } } }',
            f'{API}.health.command: is of another kind of check: set kind = "command", or remove it',
        ),
        (
            IMAGE + 'ecs.cluster = "dev"\n[environments.dev.ecs.services.hello-dev-api.health]\n'
            'url = "http://a"\nredirects = true\nversion_key = "v"',
            f'{API}.health.redirects: are allowed, and a redirect names no version: set version_key = ""',
        ),
        (
            IMAGE + TABLE + 'ecs.order = "random"',
            'environments.dev.ecs.order: must be "together" or "in order"; is "random"',
        ),
        (
            IMAGE + TABLE + "ecs.strategy.bake = 5",
            ('environments.dev.ecs.strategy.bake: is after a shift of the traffic: set kind = "blue-green", "canary" '
            'or "linear", or remove it'),
        ),
        (
            IMAGE + TABLE + 'ecs.strategy = { kind = "blue-green", percent = 20 }',
            ('environments.dev.ecs.strategy.percent: is of shares of the traffic: set kind = "canary" or "linear", '
            "or remove it"),
        ),
        (
            IMAGE + TABLE + 'ecs.strategy = { kind = "canary", percent = 33.33 }',
            "environments.dev.ecs.strategy.percent: is 33.33, and ECS takes tenths: one digit after the point",
        ),
        (
            IMAGE + TABLE + 'ecs.strategy = { kind = "linear", percent = 2 }',
            "environments.dev.ecs.strategy.percent: is less than the 3 % that ECS takes for a linear step",
        ),
        (
            IMAGE + TABLE + 'ecs.strategy = { kind = "linear", percent = 2.9 }',
            "environments.dev.ecs.strategy.percent: is less than the 3 % that ECS takes for a linear step",
        ),
        (
            IMAGE + TABLE + 'ecs.strategy.kind = "canary"\necs.monitors.failures = 2',
            ("environments.dev.ecs.monitors.failures: is for rolling updates: no circuit breaker watches a shift of "
            "traffic; name alarms, or remove it"),
        ),
        (
            IMAGE + TABLE + 'secrets.parameter_store = "/hello/dev/"',
            "environments.dev.secrets.parameter_store: is for hosts: a task definition names its own secrets",
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told_with_its_place(tmp_path: Path, text: str, error: str) -> None:
    assert error in errors(tmp_path, text + "\n")


def test_the_bundle_carries_the_variables(tmp_path: Path) -> None:
    files = read(tmp_path, SERVICES + 'variables = { NAME_B = "2", NAME_A = "1" }\n').files()
    assert files == {"deploy/environments/dev.json": b'{\n  "NAME_A": "1",\n  "NAME_B": "2"\n}\n'}
