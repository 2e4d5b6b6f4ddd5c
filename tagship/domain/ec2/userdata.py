"""User data for a launch template: a header of variables, with deploy/user_data.sh and stage 1 packed under it."""

from __future__ import annotations

import base64
import gzip
import re
import shlex
from collections.abc import Mapping

from tagship.domain import commands

LIMIT = 16 * 1024  # bytes of user data before it is encoded (EC2 user guide)

SCRIPT = """\
#!/usr/bin/env bash
# First boot of {app} on {environment}. Made by: {made_by}
# Packed below, without comments: deploy/host/entry.sh (ENTRY), a form feed, and deploy/user_data.sh.
# What it did is in /var/log/user-data.log.
set -uo pipefail
export {values}
export DEPLOYMENT_KEY={key}
export KEYS={keys}
PACKED={packed}
PACKED=$(base64 -d <<<"$PACKED" | gzip -dc) || exit 2
export ENTRY="${{PACKED%%$'\\f'*}}"
exec bash -c "${{PACKED#*$'\\f'}}" user-data
"""


def render(program: str, entry: str, *, values: Mapping[str, str], key: str, keys: str) -> str:
    """Write the script of a launch template's user data.

    Without a key, one that was exported before counts, or else the environment's pointer. `values` are APP,
    ENVIRONMENT, DEPLOYMENT_BUCKET, REGION, NEEDS, ALLOW_UNSIGNED, NUMBERS, REVOKED and ATTESTED; `keys` as
    tagship.domain.keys writes those to pin.
    """
    return SCRIPT.format(
        app=values["APP"],
        environment=values["ENVIRONMENT"],
        made_by=commands.user_data(values["ENVIRONMENT"]),
        values=" ".join(f"{name}={shlex.quote(value)}" for name, value in values.items()),
        key=shlex.quote(key) if key else '"${DEPLOYMENT_KEY-}"',
        keys=shlex.quote(keys),
        packed=packed(entry, program),
    )


def packed(*scripts: str) -> str:
    """Compress scripts in one stream, without comments and indentation."""
    # The same scripts give the same bytes.
    bare = "\f".join(_bare(script) for script in scripts)
    return base64.b64encode(gzip.compress(bare.encode(), 9, mtime=0)).decode()


def _bare(script: str) -> str:
    """Take out what a first boot can do without."""
    left_out = r"^[ \t]*# not at first boot: begin\n.*?^[ \t]*# not at first boot: end\n"
    script = re.sub(left_out, "", script, flags=re.M | re.S)
    script = re.sub(r"^[ \t]*(#(?!!).*\n)?", "", script, flags=re.M)
    return re.sub(r"[ \t]+# [^'\"\n]*$", "", script, flags=re.M)


def squeezed(script: str) -> bytes:
    """Compress the whole script."""
    # cloud-init unpacks it, and EC2's limit is on the compressed size.
    return gzip.compress(script.encode(), 9, mtime=0)
