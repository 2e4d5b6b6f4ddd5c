"""Settings that name outputs: which may, checked as templates when the file is read, and as values once filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.errors import SettingsError
from tagship.settings.late import outputs_named, require_known, with_outputs
from tests.unit.settings_text import APP, Text

FUNCTIONS = """
[packages.api]
directory = "api"
[static.site]
directory = "public"
[static.site.environments.dev]
bucket = "{outputs.site_bucket}"
distribution = "{outputs.distribution}"
[environments.dev]
variables = { QUEUE_URL = "{outputs.Queue.Url}" }
health.url = "https://{outputs.host}/healthz"
[environments.dev.lambda.functions."{outputs.name}-api"]
package = "api"
"""
SERVICES = """
[environments.dev]
image.repository = "r"
[environments.dev.ecs]
cluster = "{outputs.cluster}"
[environments.dev.ecs.services."web-{outputs.suffix}"]
health.url = "{outputs.url}"
"""
HOSTS = """
[environments.dev]
{extra}
[environments.dev.ec2]
tags = {{ Environment = "dev" }}
command = ["app"]
"""
GROUPS = """
[previews]
remove = ["x"]
[previews.environment]
health.url = "{outputs.url}"
asg = { tags = { App = "hello-{n}" }, groups = ["{outputs.group}-{n}"], command = ["app"] }
[environments.dev]
asg = { tags = { App = "hello" }, groups = ["{outputs.group}"], command = ["app"] }
"""
FILE = Text(APP)
read, errors = FILE.read, FILE.errors


def test_names_urls_variables_and_destinations_may_name_outputs(tmp_path: Path) -> None:
    settings = read(tmp_path, FUNCTIONS)
    assert outputs_named(settings, "dev") == {
        "environments.dev.variables.QUEUE_URL": "Queue.Url",
        "environments.dev.health.url": "host",
        "environments.dev.lambda.functions.{outputs.name}-api": "name",
        "static.site.environments.dev.bucket": "site_bucket",
        "static.site.environments.dev.distribution": "distribution",
    }
    values = {"Queue.Url": "https://q", "host": "h.example", "name": "hello", "site_bucket": "hello-site-dev"}
    filled = with_outputs(settings, "dev", values)
    dev = filled.environment("dev")
    assert list(dev.target.stack_functions) == ["hello-api"]
    assert (dev.health.url, dict(dev.variables)) == ("https://h.example/healthz", {"QUEUE_URL": "https://q"})
    assert filled.static["site"].environments["dev"].bucket == "hello-site-dev"
    require_known(filled, "dev", "lambda", "health")
    with pytest.raises(SettingsError, match=r"static\.site\..*\.distribution refers to the output distribution"):
        require_known(filled, "dev", "static.site")
    assert settings.environment("dev").health.url == "https://{outputs.host}/healthz", "the other settings stay"


def test_services_and_groups_may_and_previews_keep_their_number(tmp_path: Path) -> None:
    filled = with_outputs(read(tmp_path, SERVICES), "dev", {"cluster": "c", "suffix": "1", "url": "https://u"})
    assert list(filled.environment("dev").target.stack_services) == ["c/web-1"]
    settings = read(tmp_path, GROUPS)
    filled = with_outputs(settings, "pr-51", {"group": "g", "url": "https://u"})
    assert list(filled.environment("pr-51").target.stack_groups) == ["g-51"]
    assert filled.is_preview("pr-51")
    assert list(filled.environment("pr-7").target.stack_groups) == ["{outputs.group}-7"]
    assert not filled.is_preview("dev")


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ({"cluster": "a cluster"}, "ecs.cluster would be 'a cluster'"),
        ({"suffix": "a/b"}, "would be 'web-a/b'"),
        ({"url": "ftp://x"}, "would be 'ftp://x'"),
    ],
)
def test_a_value_is_held_to_what_its_key_takes(tmp_path: Path, outputs: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        with_outputs(read(tmp_path, SERVICES), "dev", outputs)
    assert problem in caught.value.what


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        (
            'variables = { QUEUE = "{outputs.q}" }',
            "environments.dev.variables.QUEUE: names an output, and hosts read their variables from the bundle",
        ),
        (
            'infra = { directory = "i", command = ["x", "{outputs.q}"] }',
            "environments.dev.infra.command: names {outputs.q}, which is not filled in there; it is in health.url",
        ),
        ('health.path = "/{outputs.q}"', "environments.dev.health.path"),
        ('outputs = "../x.json"', 'environments.dev.outputs: "../x.json" is outside the repository'),
    ],
)
def test_where_they_are_not_filled_in_it_is_said_at_once(tmp_path: Path, extra: str, problem: str) -> None:
    assert any(line.startswith(problem) for line in errors(tmp_path, HOSTS.format(extra=extra)))


@pytest.mark.parametrize("url", ["{outputs.}", "{output.x}/y", "{outputs.x} /y", "{outputs.x}{y}"])
def test_what_is_no_template_is_refused(tmp_path: Path, url: str) -> None:
    assert errors(tmp_path, HOSTS.format(extra=f'health.url = "{url}"'))
