"""Every test runs as on a machine with nothing set up: no account, no identity, no settings of whoever runs it."""

from __future__ import annotations

import functools
import os
import signal

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import settings

from tests import groups, leftovers, sampling

for _name in [name for name in os.environ if name.startswith(("TAGSHIP_", "GITHUB_", "AWS_", "GIT_"))]:
    del os.environ[_name]
for _name in ("CI", "PYTHONDONTWRITEBYTECODE"):  # without bytecode, each command compiles tagship anew
    os.environ.pop(_name, None)
os.environ.update(
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    GIT_CONFIG_GLOBAL=os.devnull,
    GIT_CONFIG_NOSYSTEM="1",
    GIT_TERMINAL_PROMPT="0",
)
for _name in ("no_proxy", "NO_PROXY"):  # the sandbox is on loopback: a proxy of the machine's has no part in it
    os.environ[_name] = ",".join(filter(None, [os.environ.get(_name), "127.0.0.1", "localhost"]))

# What boto3 knows of a service is up to megabytes of JSON, and every session would read it anew.
JSONFileLoader.load_file = staticmethod(functools.cache(JSONFileLoader().load_file))  # type: ignore[method-assign]

settings.register_profile("tagship", deadline=None, database=None)
settings.load_profile("tagship")


def _deaf(_number: int, _frame: object) -> None:
    """Do nothing, as before: a handler, unlike SIG_IGN, is not handed down to the programs that tests start."""


# A background job of a shell ignores SIGINT, `nohup` SIGHUP, and what they start would too, whatever a test sends it.
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _deaf)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Whatever a killed run leaves in its temporary folder is ended by somebody who outlives it."""
    folder = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    session.config.add_cleanup(leftovers.watch(folder))


def pytest_xdist_auto_num_workers() -> int:
    """As many as there are processors: with more of them, what waits for a process by the clock waits too long."""
    return max(2, os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups at the same moment
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that share something dear run in one process, and the longest of those begin."""
    left = sampling.leave_out(items, sampling.asked(os.environ))
    config.hook.pytest_deselected(items=left)
    groups.assign(items)


def pytest_report_header() -> str:
    """Say that this is a sample: what it leaves out is not proven by it."""
    return str(sampling.asked(os.environ))
