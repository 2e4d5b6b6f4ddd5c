"""tagship.toml: every error at once, in our words, and flag > variable > file > default."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tagship.errors import SettingsError
from tagship.settings import KINDS, Image, Settings, find, load, settings_of
from tagship.settings.ec2 import Ec2, Hosts
from tagship.settings.ecs import Ecs
from tagship.settings.lambda_ import Lambda
from tagship.settings.tables import BRANCH, SUFFIX, WORDS
from tagship.settings.variables import known, tables

TOP = Path(__file__).parents[2]
SAMPLE = TOP / "docs" / "tagship.sample.toml"
IMAGE_KEYS = f"known here: {', '.join(Image.model_fields)}"
MINIMAL = """
app = "hello"
aws.bucket = "hello-artifacts"
signing = { key = "release.key.pem", public_key = "release.pub.pem" }

[environments.dev]
ec2.command = ["python3", "app.py"]
ec2.tags = { Name = "hello" }
"""
NO_MANAGER = 'needs a service manager: manager = "systemd"'
OUTSIDE = "is outside the repository: give a path relative to its top"
DEV = "environments.dev"
ROLLOUT = "environments.dev.ec2.rollout"
TABLES = {kind.table for kind in KINDS}
SHOWN = {
    "ec2": "dev",
    "lambda": "api",
    "ecs": "shop",
    "asg": "fleet",
}  # kind -> the environment of the sample that has its table
Loader = Callable[..., Settings]
Told = Callable[..., list[str]]
Variables = dict[str, str] | None


@pytest.fixture
def read(tmp_path: Path) -> Loader:
    """Load a text as a settings file, with no variables but the ones given."""

    def loaded(text: str | bytes, variables: Variables = None, flags: dict[str, Any] | None = None) -> Settings:
        path = tmp_path / "tagship.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load(path, variables or {}, flags)

    return loaded


@pytest.fixture
def errors(read: Loader) -> Told:
    """The sentences of a file's errors, and of its variables'."""

    def told(text: str | bytes, variables: Variables = None) -> list[str]:
        with pytest.raises(SettingsError) as raised:
            read(text, variables)
        return [line.removeprefix("  - ") for line in raised.value.what.splitlines() if line.startswith("  - ")]

    return told


def hosts(loaded: Settings, environment: str = "dev") -> Ec2:
    found = loaded.environments[environment].runs_on(Ec2)
    assert found
    return found


def values(loaded: Settings) -> dict[str, Any]:
    """Every key's value by its dotted name."""
    found = {}
    for place, _ in tables(settings_of(), "dev"):
        if place[2:] and place[2] in TABLES - {"ec2"}:
            continue
        value: Any = loaded
        for key in place:
            value = value[key] if isinstance(value, dict) else getattr(value, key)
        found[".".join(place)] = value
    return found


# -- the sample --------------------------------------------------------------------------------------------------------


def test_the_sample_loads() -> None:
    assert load(SAMPLE, {}).app == "hello"


def test_the_sample_has_every_key_and_no_other() -> None:
    raw = tomllib.loads(SAMPLE.read_text("utf-8"))
    missing = []
    for path, _ in tables(settings_of(), "dev"):
        shared = path[2:3] == ("asg",) and path[3:] and path[3] in Hosts.model_fields  # what all hosts have: at ec2
        place = (*path[:2], "ec2", *path[3:]) if shared else path
        kind = place[2] if place[2:] and place[2] in TABLES else "ec2"
        table: Any = {**raw, "environments": {"dev": raw["environments"][SHOWN[kind]]}}
        for key in place:
            if key not in table:
                missing.append(".".join(place))
                break
            table = table[key]
    assert not missing


def test_the_sample_shows_the_defaults(read: Loader) -> None:
    shown, default = values(load(SAMPLE, {})), values(read(MINIMAL))
    differing = {key for key in shown if shown[key] != default[key]}
    needed = {"signing.key", "signing.public_key", "environments.dev.ec2.tags"}
    needed |= {"signing.order_key", "signing.order_public_key"}
    said = {"bundle.include", "environments.dev.branch", "environments.dev.suffix", "environments.dev.variables"}
    computed = {"environments.dev.workflow", "packages", "images", "notify.webhooks", "static", "previews.environment"}
    computed |= {"previews.remove", "hooks", "environments.dev.hooks", "notify.topics"}
    computed |= {f"environments.dev.workflows.{role}" for role in ("ship", "rollback", "verify")}
    assert differing == needed | said | computed


def test_the_sample_shows_the_defaults_of_functions_too() -> None:
    functions = load(SAMPLE, {}).environment("api").runs_on(Lambda)
    assert functions
    assert functions == Lambda.model_validate({"functions": functions.functions})
    assert load(SAMPLE, {}).packages["api"].command == ()


def test_the_sample_shows_the_defaults_of_services_too() -> None:
    services = load(SAMPLE, {}).environment("shop").runs_on(Ecs)
    assert services
    checked = {"hello-api": {"health": {"url": "https://hello.example/healthz"}}}
    assert services == Ecs.model_validate({"cluster": services.cluster, "services": checked})


def test_the_workflow_of_an_environment_is_named_after_it_unless_it_is_said(read: Loader) -> None:
    assert read(MINIMAL).workflow("dev") == "deploy-dev.yml"
    named = MINIMAL.replace("[environments.dev]", '[environments.dev]\nworkflow = "ship.yaml"')
    assert read(named).workflow("dev") == "ship.yaml"
    assert read(named.replace("ship.yaml", "")).workflow("dev") == ""


def test_this_repository_settings_load() -> None:
    assert load(TOP / "tagship.toml", {}).sandbox


def test_the_cases_settings_load() -> None:
    assert hosts(load(TOP / "tests/cases/settings.toml", {})).command == ("true",)


# -- who wins ----------------------------------------------------------------------------------------------------------


def test_a_default_holds_where_nothing_is_said(read: Loader) -> None:
    assert hosts(read(MINIMAL)).port == 8080


def test_the_file_wins_over_the_default(read: Loader) -> None:
    assert hosts(read(MINIMAL + "ec2.port = 9000\n")).port == 9000


def test_a_variable_wins_over_the_file(read: Loader) -> None:
    loaded = read(MINIMAL + "ec2.port = 9000\n", {"TAGSHIP_ENVIRONMENTS_DEV_EC2_PORT": "9100"})
    assert hosts(loaded).port == 9100


def test_a_flag_wins_over_a_variable(read: Loader) -> None:
    loaded = read(MINIMAL, {"TAGSHIP_AWS_REGION": "eu-west-1"}, {"aws.region": "eu-north-1"})
    assert loaded.aws.region == "eu-north-1"


@pytest.mark.parametrize(
    ("variable", "text", "place", "value"),
    [
        ("TAGSHIP_SANDBOX", "1", "sandbox", True),
        ("TAGSHIP_SANDBOX", "false", "sandbox", False),
        ("TAGSHIP_AWS_PROFILE", "007", "aws.profile", "007"),  # text is not read as a number
        ("TAGSHIP_CI_APPEARS_WITHIN", "5", "ci.appears_within", 5),
        ("TAGSHIP_BUNDLE_INCLUDE", '["a", "b"]', "bundle.include", ("a", "b")),
        ("TAGSHIP_ENVIRONMENTS_DEV_SUFFIX", "next", "environments.dev.suffix", "next"),
        (
            "TAGSHIP_ENVIRONMENTS_DEV_HEALTH_ATTEMPTS_AFTER_ROLLBACK",
            "7",
            "environments.dev.health.attempts_after_rollback",
            7,
        ),
        ("TAGSHIP_ENVIRONMENTS_DEV_EC2_TAGS", '{ a = "b" }', "environments.dev.ec2.tags", {"a": "b"}),
        ("TAGSHIP_ENVIRONMENTS_DEV_EC2_ROLLOUT_MAX_CONCURRENCY", "25%", f"{ROLLOUT}.max_concurrency", "25%"),
        ("TAGSHIP_ENVIRONMENTS_DEV_EC2_ROLLOUT_MAX_ERRORS", "3", f"{ROLLOUT}.max_errors", "3"),
    ],
)
def test_a_variable_is_read_as_its_key_is_written(
    read: Loader, variable: str, text: str, place: str, value: object
) -> None:
    assert values(read(MINIMAL, {variable: text}))[place] == value


def test_every_key_has_a_variable() -> None:
    assert len(known({"dev": {}}, settings_of())) == len(list(tables(settings_of(), "dev")))


def test_a_variable_reaches_an_environment_with_a_hyphen(read: Loader) -> None:
    text = MINIMAL + '[environments.pre-prod]\nec2.command = ["x"]\nec2.tags = { Name = "x" }\n'
    assert hosts(read(text, {"TAGSHIP_ENVIRONMENTS_PRE_PROD_EC2_PORT": "1"}), "pre-prod").port == 1


def test_an_empty_variable_counts_as_none(read: Loader) -> None:
    assert read(MINIMAL, {"TAGSHIP_AWS_REGION": "", "TAGSHIP_AWS_REGON": ""}).aws.region == "us-east-1"


@pytest.mark.parametrize(
    "name", ["TAGSHIP_DEBUG", "TAGSHIP_HOST_ROOT", "TAGSHIP_SANDBOX_ROOT", "TAGSHIP_X", "TAG", "AWS_REGION"]
)
def test_a_variable_of_somebody_elses_is_left_alone(read: Loader, name: str) -> None:
    assert read(MINIMAL, {name: "x"}).app == "hello"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("TAGSHIP_AWS_REGON", "did you mean TAGSHIP_AWS_REGION?"),
        ("TAGSHIP_BUCKET", "did you mean TAGSHIP_AWS_BUCKET?"),
        ("TAGSHIP_AWS_COLOUR", "every key is in docs/tagship.sample.toml"),
        ("TAGSHIP_ENVIRONMENTS_QA_EC2_PORT", "did you mean TAGSHIP_ENVIRONMENTS_DEV_EC2_PORT?"),
    ],
)
def test_a_variable_that_nearly_names_a_key_is_an_error(errors: Told, name: str, hint: str) -> None:
    assert errors(MINIMAL, {name: "x"}) == [f"{name} names no key; {hint}"]


def test_an_error_from_a_variable_names_the_variable(errors: Told) -> None:
    assert errors(MINIMAL, {"TAGSHIP_CI_TIMEOUT": "soon"}) == [
        'TAGSHIP_CI_TIMEOUT (ci.timeout): must be a whole number; is "soon"'
    ]


@pytest.mark.parametrize(("text", "expected"), [("10", "10"), ('"10"', "10"), ('"25%"', "25%"), ('"100%"', "100%")])
def test_hosts_are_counted_by_a_number_or_a_percentage(read: Loader, text: str, expected: str) -> None:
    loaded = read(MINIMAL + f"ec2.rollout.max_concurrency = {text}\n")
    assert hosts(loaded).rollout.max_concurrency == expected


@pytest.mark.parametrize("text", ["0", '"0%"', '"101%"', '"half"', "-1", "2.5", "true", '"5 %"'])
def test_no_hosts_at_once_is_an_error(errors: Told, text: str) -> None:
    [told] = errors(MINIMAL + f"ec2.rollout.max_concurrency = {text}\n")
    assert told.startswith(f"{ROLLOUT}.max_concurrency: must be ")


def test_a_bake_without_a_canary_is_an_error(errors: Told) -> None:
    told = errors(MINIMAL + "ec2.rollout.bake = 60\n")
    assert told == [f"{ROLLOUT}.bake: is how long the canary is watched: set rollout.canary = true"]


@pytest.mark.parametrize(
    "lines",
    [
        MINIMAL + '[bundle]\ninclude = []\nbuilt = ["dist"]',
        MINIMAL + 'ec2.runtime = "docker"\nimage.repository = "r"\n[bundle]\ninclude = []',
        MINIMAL,
    ],
    ids=["what a build makes", "an image", "not said"],
)
def test_a_bundle_may_have_no_files_of_the_commit(read: Loader, lines: str) -> None:
    """What `init` writes for an image; and a command may be a program of the hosts' own, if nothing says otherwise."""
    assert read(lines).bundle.include == ()


# -- errors ------------------------------------------------------------------------------------------------------------


def test_every_error_of_a_file_is_told_at_once(errors: Told) -> None:
    told = errors(
        """
        app = "Hello"
        [aws]
        bukket = "x"
        [signing]
        key = ""
        public_key = 5
        [environments.dev.ec2]
        runtime = "docker"
        port = 70000
        [environments.prod]
        branch = "main"
        """,
        {"TAGSHIP_CI_TIMEOUT": "x"},
    )
    assert told == [
        'app: must be small letters, digits and hyphens, a letter first, at most 31; is "Hello"',
        "aws.bucket: missing; add it",
        "aws.bukket: unknown key; did you mean bucket?",
        "signing.key: must not be empty",
        'signing.public_key: must be text in quotes, "…"; is 5',
        "environments.dev.ec2.tags: missing; add it",
        "environments.dev.ec2.port: must be 65535 or less; is 70000",
        'environments.dev.image.repository: runtime = "docker" needs the repository that images are pushed to',
        (
            "environments.prod: has no table that says what it runs on: add [environments.<name>.ec2] or "
            "[environments.<name>.lambda] or [environments.<name>.ecs] or [environments.<name>.asg]"
        ),
        'TAGSHIP_CI_TIMEOUT (ci.timeout): must be a whole number; is "x"',
    ]


def test_the_remedy_names_the_file_and_the_sample(read: Loader) -> None:
    with pytest.raises(SettingsError) as raised:
        read("app = 5")
    assert raised.value.exit_code == 2
    assert raised.value.state == "Nothing was changed."
    assert "tagship.toml" in raised.value.remedy
    assert "docs/tagship.sample.toml" in raised.value.remedy


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ec2.prot = 5", "ec2.prot: unknown key; did you mean port?"),
        ("region = 5", "region: unknown key; did you mean regions?"),
        ('tags = { a = "b" }', "tags: unknown key; did you mean environments.dev.ec2.tags?"),
        ('ec2.dokument = "x"', "ec2.dokument: unknown key; did you mean document?"),
        ("image.zzz = 1", "image.zzz: unknown key; " + IMAGE_KEYS),
        ('ec2.port = \"8080\"', 'ec2.port: must be a whole number; is "8080"'),
        ("ec2.port = true", "ec2.port: must be a whole number; is true"),
        ("ec2.port = 8080.0", "ec2.port: must be a whole number; is 8080.0"),
        ("ec2.port = 0", "ec2.port: must be 1 or more; is 0"),
        ("branch = 2026-11-20", 'branch: must be text in quotes, "…"; is a date or a time'),
        ("health = 5", "health: must be a table; is 5"),
        ("variables = 5", "variables: must be a table of names and values; is 5"),
        ('ec2.runtime = "podman"', 'ec2.runtime: must be "process" or "docker"; is "podman"'),
        (
            'variables = { "A-B" = "x" }',
            "variables.A-B: the name must be a variable's name: letters, digits and underscores, no digit first",
        ),
        ('branch = "--all"', f'branch: must be {WORDS[BRANCH]}; is "--all"'),
        ('health.path = "/x\\ny"', 'health.path: must be a path such as /healthz; is "/x\\ny"'),
        ('suffix = "dev\\n"', f'suffix: must be {WORDS[SUFFIX]}; is "dev\\n"'),
    ],
)  # fmt: skip
def test_an_error_says_key_and_remedy(errors: Told, line: str, told: str) -> None:
    assert errors(MINIMAL + line + "\n") == [f"{DEV}.{told}"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            'ec2.runtime = "docker"',
            'image.repository: runtime = "docker" needs the repository that images are pushed to',
        ),
        (
            'ec2.kind = "job"',
            'ec2.kind: kind = "job" needs a service manager with units and timers: manager = "systemd"',
        ),
        ('ec2.timer = "hourly"', 'ec2.timer: is for jobs: set kind = "job"'),
        ('variables = { PORT = "1" }', "variables.PORT: is set by tagship itself: give it another name"),
        ("health.attempts = 1", "health.attempts: is 1, which can never hold health.passes = 2 in a row"),
        ("health.passes = 6", "health.attempts_after_rollback: is 5, which can never hold health.passes = 6 in a row"),
        (
            "ec2.timeout = 60",
            "ec2.timeout: would kill a host's action before its health checks end: they may take 623 s",
        ),
        ('image.context = "../x"', f'image.context: "../x" {OUTSIDE}'),
        ('ec2.user = "app"', f"ec2.user: {NO_MANAGER}"),
        ('ec2.limits.memory = "1g"', f"ec2.limits.memory: {NO_MANAGER}"),
        ("ec2.limits.pids = 5", f"ec2.limits.pids: {NO_MANAGER}"),
        ("ec2.metadata = true", f"ec2.metadata: {NO_MANAGER}"),
        ('ec2.trusted_proxies = ["10.0.0.0/8"]', f"ec2.trusted_proxies: {NO_MANAGER}"),
        (
            'ec2.manager = "systemd"\nec2.trusted_proxies = ["10.0.0.1/8"]',
            'ec2.trusted_proxies: 10.0.0.1/8 has host bits set: give networks, such as "10.0.0.0/16"',
        ),
        ("ec2.container.root = true", 'ec2.container.root: is for containers: runtime = "docker"'),
        (
            'ec2.runtime = "docker"\nimage.repository = "r"\nec2.container.capabilities = ["ALL"]',
            'ec2.container.capabilities: "ALL" is not a capability of Linux as Docker names it, such as NET_RAW',
        ),
        (
            'ec2.manager = "systemd"\nec2.user = "root"',
            "ec2.user: is root, and no app runs as root: name another account, or leave it out",
        ),
    ],
)  # fmt: skip
def test_an_impossible_combination_is_an_error(errors: Told, line: str, told: str) -> None:
    assert errors(MINIMAL + line + "\n") == [f"{DEV}.{told}"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            "bundle.include = []\n",
            (
                f"bundle.include: is empty, and {DEV} runs files of the bundle: "
                'name what it runs, such as include = ["app.py"]'
            ),
        ),
        ("ci.timeout = 30\n", "ci.appears_within: is longer than ci.timeout: make it shorter"),
        (
            'bundle.include = ["../x"]\n',
            'bundle.include: "../x" is outside the repository: give a path relative to its top',
        ),
        (
            '[environments.two]\nsuffix = "dev"\nec2.command = ["x"]\nec2.tags = { a = "b" }\n',
            "environments.two: has the same suffix and the same branch as environments.dev: change one",
        ),
    ],
)
def test_tables_that_contradict_each_other_are_an_error(errors: Told, lines: str, told: str) -> None:
    assert errors(lines + MINIMAL if not lines.startswith("[") else MINIMAL + lines) == [told]


def test_environments_may_share_a_suffix_on_branches_of_their_own(read: Loader) -> None:
    other = '[environments.two]\nsuffix = "dev"\nbranch = "other"\nec2.command = ["x"]\nec2.tags = { a = "b" }\n'
    loaded = read(MINIMAL + other)
    with pytest.raises(SettingsError, match="belongs to dev and two"):
        loaded.environment_of("dev")


def test_an_unknown_environment_names_the_nearest(read: Loader) -> None:
    with pytest.raises(SettingsError, match="It has: dev") as raised:
        read(MINIMAL).environment("dve")
    assert raised.value.remedy == "Name one of them: --env dev"


# -- the file itself ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf" + MINIMAL.encode(), MINIMAL.replace("\n", "\r\n").encode()])
def test_a_byte_order_mark_and_crlf_are_fine(read: Loader, text: bytes) -> None:
    assert read(text).app == "hello"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b'app = "x"\nb = "\xff"\n', r"is not UTF-8 \(line 2\)"),
        (b"app = \n", "is not TOML: Invalid value"),
        (b'app = "a"\napp = "b"\n', "is not TOML: Cannot overwrite a value"),
        (b"a = " + b"[" * 50_000, "is not TOML"),
        (b"a = " + b"9" * 5000, "is not TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_its_place(read: Loader, text: bytes, what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        read(text)


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "tagship.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(find(tmp_path))


def test_a_link_to_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "tagship.toml").symlink_to("nowhere")
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load(find(tmp_path))


def test_an_unreadable_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)  # root may read everything, so that no chmod could show it
    with pytest.raises(SettingsError, match="cannot be read: Permission denied"):
        load(tmp_path / "tagship.toml")


def test_the_file_is_found_upwards(tmp_path: Path) -> None:
    (tmp_path / "tagship.toml").write_text(MINIMAL)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find(below) == tmp_path / "tagship.toml"


def test_no_file_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"There is no tagship\.toml in"):
        find(tmp_path)


def test_a_wrong_key_in_a_list_of_tables_is_told_with_those_that_are_known(read: Loader) -> None:
    with pytest.raises(SettingsError, match=r"ec2\.volumes\.0\.hots: unknown key; did you mean host\?"):
        read(MINIMAL, {}, {"environments.dev.ec2.volumes": [{"hots": "/srv", "container": "/data"}]})


PLACES = sorted({".".join(place[:n]) for place, _ in tables(settings_of(), "dev") for n in range(1, len(place) + 1)})
ANYTHING = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=ANYTHING)
def test_whatever_stands_at_a_key_is_read_or_told_in_our_words(read: Loader, place: str, value: object) -> None:
    told = ""
    try:
        read(MINIMAL, {}, {place: value})
    except SettingsError as problem:
        told = problem.what
    assert "Input should" not in told


def test_in_another_repository_the_sample_is_named_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tagship.toml").write_text("app = 1\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as raised:
        load(tmp_path / "tagship.toml")
    named = raised.value.remedy.rpartition("explained in ")[2]
    assert Path(named).samefile(SAMPLE)
