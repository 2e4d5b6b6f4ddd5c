"""tagship.toml, typed. Flag > environment variable > file > default; every error of a file at once, with its remedy.

A variable is TAGSHIP_ and the key's path in capitals: TAGSHIP_AWS_REGION, TAGSHIP_ENVIRONMENTS_DEV_PORT.
"""

from tagship.settings.file import FILE, find, load
from tagship.settings.model import (
    Aws,
    Bundle,
    Ci,
    Ec2,
    Environment,
    Fleet,
    Git,
    Health,
    Image,
    Infra,
    Secrets,
    Section,
    Settings,
    Signing,
)

__all__ = [
    "FILE",
    "Aws",
    "Bundle",
    "Ci",
    "Ec2",
    "Environment",
    "Fleet",
    "Git",
    "Health",
    "Image",
    "Infra",
    "Section",
    "Secrets",
    "Settings",
    "Signing",
    "find",
    "load",
]
