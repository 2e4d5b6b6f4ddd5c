"""tagship.toml, typed. Flag > environment variable > file > default; every error of a file at once, with its remedy.

A variable is TAGSHIP_ and the key's path in capitals: TAGSHIP_AWS_REGION, TAGSHIP_ENVIRONMENTS_DEV_EC2_PORT.
"""

from tagship.settings.aws import AwsAccount
from tagship.settings.environment import Environment
from tagship.settings.file import FILE, find, load
from tagship.settings.folder import own
from tagship.settings.health import Health
from tagship.settings.hooks import HookTable
from tagship.settings.images import Image
from tagship.settings.kind import Kind
from tagship.settings.kinds import KINDS, settings_of
from tagship.settings.model import Settings
from tagship.settings.parts import Package
from tagship.settings.section import Section
from tagship.settings.static_sets import Destination, Static
from tagship.settings.tables import Bundle, CiRuns, Git, Infra, SecretNames, Signing

__all__ = [
    "FILE",
    "KINDS",
    "AwsAccount",
    "Bundle",
    "CiRuns",
    "Destination",
    "Environment",
    "Git",
    "Health",
    "HookTable",
    "Image",
    "Infra",
    "Kind",
    "Package",
    "SecretNames",
    "Section",
    "Settings",
    "Signing",
    "Static",
    "find",
    "load",
    "own",
    "settings_of",
]
