"""Every test runs as on a machine with nothing set up: no account, no identity, no settings of whoever runs it."""

from __future__ import annotations

import os

from hypothesis import settings

for _name in [name for name in os.environ if name.startswith(("TAGSHIP_", "GITHUB_", "AWS_", "GIT_"))]:
    del os.environ[_name]
os.environ.pop("CI", None)
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

settings.register_profile("tagship", deadline=None, database=None)
settings.load_profile("tagship")
