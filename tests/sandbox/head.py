"""How a tagship.toml in the sandbox begins: the app, its bucket, and how it signs. A test writes what it is about."""

from __future__ import annotations

import json

KEY = """\
[signing]
key = "kms:alias/APP"
public_key = "release.pub.pem"
"""
KEYS = """\
[signing]
key = "kms:alias/APP-{environment}"
public_key = "{environment}.pub.pem"
"""
KEYS_AND_ORDER_KEYS = f"""\
{KEYS}\
order_key = "kms:alias/APP-orders-{{environment}}"
order_public_key = "{{environment}}.orders.pub.pem"
"""


def head(app: str, *tables: str, signing: str = KEY) -> str:
    """The first tables: `signing` is all of its table, with APP for the app's name; `tables` follow it."""
    bucket = f"{app}-artifacts"
    first = f'app = "{app}"\nsandbox = true\n[aws]\nbucket = "{bucket}"\n'
    return first + signing.replace("APP", app) + "".join(tables)


def bundle_of(*include: str) -> str:
    """The table of what a bundle carries."""
    return f"[bundle]\ninclude = {json.dumps(include)}\n"
