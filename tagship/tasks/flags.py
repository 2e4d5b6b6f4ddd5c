"""Every flag of every task, once: its name, what it is for, its default, and its old spellings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Flag:
    """A flag as a person types it.

    `parameter` is what verbs call its value; left out, the name. `old` are earlier spellings, which keep working.
    `after` has the first positional values that make this positional one needed; otherwise it is not read.
    `many`: it may be given more than once, or with several values between commas.
    `tagged`: it names a version, as its tag does or without the prefix of [tags].
    `becomes` names the task that a switch has become: the switch still runs it, and says so; one that is `lasting` is
    a second name of that task, and says nothing.
    """

    name: str
    help: str
    default: str | bool | int = ""
    parameter: str = ""
    old: tuple[str, ...] = ()
    positional: bool = False
    becomes: str = ""
    lasting: bool = False
    after: tuple[str, ...] = ()
    many: bool = False
    tagged: bool = False

    @property
    def attribute(self) -> str:
        return self.parameter or self.keyword

    @property
    def keyword(self) -> str:
        return self.name.replace("-", "_")

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.old)


JSON = Flag("json", "print one JSON document on stdout, and everything else on stderr", False)
DRY_RUN = Flag("dry-run", "show what would be done, and stop", False)
YES = Flag("yes", "ask nothing and go ahead", False)
FIX = Flag("fix", "run the fixes that only make what is missing, after showing them, and look again", False)
UNDONE = Flag("undo", "start again what ran before tagship, in place of what it deployed", False)
REMOVED = Flag("remove", "delete what setup made for one environment, after its name was typed; data stays", False)
REMOVED_ENV = Flag("env", "the environment whose account it is, or whose things to remove; left out, every account")
REMOVED_REGION = Flag("region", "with --remove: of that region alone, which tagship.toml no longer names")
REASON = Flag("reason", "why, in one line: it is kept with your name, and people will read it")
WAIT = Flag("wait", "how long to wait if somebody else holds the environment: 90s, 10m, 1h; left out, not at all")

# Which version. People say version; what is meant may be the id of an untagged build too, so verbs say artifact.
_OLD = ("artifact", "to")
VERSION = Flag(
    "version", "the version or artifact id; in CI, the tag that was pushed", parameter="artifact", old=_OLD, tagged=True
)
MARKED = Flag("version", "the version or artifact id", old=_OLD, tagged=True)
ONLY_VERSION = Flag("version", "only deployments of this version or artifact id", old=_OLD, tagged=True)
WHERE = Flag("version", "say where this version is now, in every environment", old=_OLD, tagged=True)
NEW_VERSION = Flag(
    "version", "the version to make; left out, it is suggested, and with --yes taken", old=_OLD, tagged=True
)
OWN_TAG = Flag(
    "version", "the version whose tag to delete, here and on the remote; it must be your own", old=_OLD, tagged=True
)
PINNED = Flag(
    "version",
    "pin the hosts to one artifact; left out, they run the environment's",
    parameter="artifact",
    old=_OLD,
    tagged=True,
)
RESIGNED = Flag(
    "version",
    "sign this one; left out, what runs and what can be gone back to",
    parameter="artifact",
    old=_OLD,
    tagged=True,
)
TO = Flag("to", "the version to go back to; left out, one from a list, or with --yes the last healthy one",
          old=("version", "artifact"), tagged=True)  # fmt: skip
JUDGED = Flag("version", "the version or artifact id", old=_OLD, positional=True, tagged=True)

# Which environment.
ENV = Flag("env", "the environment; left out, the one that the version's suffix belongs to")
ONE_ENV = Flag("env", "the environment; needed if there are several")
UNENDED_ENV = Flag("env", "the environment; left out, the one whose deployment has not ended")
ANY_ENV = Flag("env", "the environment; left out, all of them")
CHANNEL = Flag("env", "the environment to release to", "dev")
TAG_ENV = Flag("env", "the channel, by its environment")
SUFFIX = Flag("suffix", "the channel, by its versions' suffix (dev of 0.1.30-dev)")
HOSTS_ENV = Flag("env", "the environment that the hosts belong to", positional=True)
JUDGED_ENV = Flag(
    "environment",
    "the environment that it would go to, or all",
    parameter="env",
    old=("env",),
    positional=True,
)

# A promotion.
FROM = Flag("from", "the environment that it comes from; left out, the one before it", parameter="source")
PROMOTED_TO = Flag("to", "the environment that it goes to; left out, the next one in promotion.order")
PROMOTED = Flag(
    "version",
    "the version or artifact id; left out, what runs there",
    parameter="artifact",
    old=("artifact",),
    tagged=True,
)
TESTED = Flag(
    "version", "the version that was tested; left out, what runs there", parameter="artifact", old=_OLD, tagged=True
)
ALL_THE_WAY = Flag("all-the-way", "through every environment of promotion.order; it stops where one refuses", False)

# A release.
COMMIT = Flag("commit", "tag this commit instead of the checked-out one; it must be on the branch")
FIRST = Flag("first", "there is no version of this channel yet", False)
FOLLOW = Flag("follow", "follow the version until the environment is healthy; --no-follow ends after the push", True)
VERBOSE = Flag("verbose", "show the exact git commands, and who made the last tags", False)
RERUN = Flag("rerun", "run the failed CI run of this version again", False)
UNDO = Flag("undo", "the old spelling of the task tag-undo", False, becomes="tag-undo")
COUNT = Flag("count", "how many versions", 5)
OFFLINE = Flag("offline", "do not ask the remote: list what is known here", False)

# A deployment.
TEST = Flag("test", "send a test to each webhook, ask GitHub what the token may write, and read no ledger", False)
BUILT = Flag("built", "the output `built` of the job that built it: other files are refused")
ALLOW_OLDER = Flag("allow-older", "deploy a version that is older than the one that runs", False)
ALLOW_BAD = Flag("allow-bad", "take a version although it failed, was rolled back from, or is marked bad", False)
ALLOW_LEGACY = Flag(
    "allow-legacy", "take the archive from before tagship that --to names, though nobody signed it", False
)
AFTER = Flag("after", "refuse if anything but this version runs where it goes: other changes would go with it")
HEAL = Flag("heal", "the old spelling of the task heal", False, becomes="heal")
RESUME = Flag("resume", "the old spelling of the task resume", False, becomes="resume")
PREEMPT = Flag("preempt", "fence off whoever holds the environment, and cancel what they have in flight", False)
SKIP = Flag("skip", "leave this host as it is, by name or id (several: web-3,web-4); heal brings it later", many=True)
ALL_OR_NOTHING = Flag(
    "all-or-nothing", "put every host back unless every host takes it; refuse if one can't be reached", False
)
ALLOW_IRREVERSIBLE = Flag("allow-irreversible", "go back across a migration that can't be undone", False)
FOR_REAL = Flag("for-real", "roll back, return, and say how long each took; not in production", False)
DRILLED = Flag("drill", "an exercise: the version that it leaves does not count as bad", False)
FREEZE = Flag("freeze", "freeze the environment first, and leave it frozen until then: 8h, 2d, 18:00")
WHY_FROZEN = Flag("reason", "of --freeze: why, in one line; left out, that it was rolled back")

# Looking back.
LIMIT = Flag("limit", "how many deployments, the newest first; 0: all", 20)
STATE = Flag("state", "only those in this state: healthy, rolled-back, abandoned …")
WHO = Flag("who", "only those by somebody whose name contains this")
SINCE = Flag("since", "only those that began since a day, a time, or that long ago: 2026-11-20, 12h, 7d")
PERIOD = Flag("since", "deployments that began since a day, a time, or that long ago: 2026-11-20, 12h", "30d")
OPENMETRICS = Flag("openmetrics", "print OpenMetrics text, as Prometheus and CloudWatch's agent read it", False)
EMF = Flag("emf", "print lines that CloudWatch Logs makes metrics of (embedded metric format)", False)
EVIDENCE = Flag("evidence", "show what hosts, hooks and services said when it failed, below the list", False)
REBUILD_INDEX = Flag("rebuild-index", "write the ledger's index again first; it only makes reading quicker", False)
VERIFY = Flag("verify", "hold the ledger against its chain first: exit 5 if an entry was altered or deleted", False)

AUTOMATIC = Flag("automatic", "as `watch` runs it: a freeze stops it", False)
EVERY = Flag("every", "how long between two looks: 30s, 5m", "30s")
ROUNDS = Flag("rounds", "how many looks; 0: until Ctrl-C", 0)
WATCHED = Flag(
    "watch",
    "look again and again until Ctrl-C, as the verb watch does, which has more flags",
    False,
    becomes="watch",
    lasting=True,
)
HEALS = Flag("heal", "heal units that drifted, under the lease, if two looks see it; never against a freeze", False)
MOST_HEALS = Flag("most", "with --heal: how many heals of an environment", 3)
PAGE = Flag("output", "write the page to a file; left out, where [report] says, or it is printed")
CHECK = Flag("check", "look at what is stored, and at the tag on the remote, too; exit 9 if anything drifted", False)
UNIT = Flag("unit", "only this one, by name or id (several: web-3,web-4)", many=True)
ENTERED = Flag("unit", "which one, by name or id; needed if there are several")
WRITTEN_SINCE = Flag("since", "what was written since a time, or that long ago: 12h, 2026-11-20; left out, 10m")
OF_DEPLOYMENT = Flag("deployment", "what was written during this deployment, as history names its id")
GO_ON = Flag("follow", "go on with what is written from now on, until Ctrl-C", False)

# Holds and locks.
UNTIL = Flag("until", 'its end: 8h, 2d, 2026-12-01T08:00Z, "friday 18:00" (UTC if no offset is given)')
LEASE_ID = Flag("id", "the deployment whose lease to break, as the task lock names it")
RESET_FENCE = Flag("reset-fence", "start the fencing numbers again, in a new range; needs --reason", False)
WHY_RESET = Flag("reason", "of --reset-fence: why, in one line; the ledger keeps it with your name")
TARGET = Flag("target", "Terraform's resources, between commas, to make before there is a version: the registry")
APPROVED = Flag("planned", "apply the very plan that `infra.plan --store` stored, by its digest; another is refused")
PLANNED = Flag(
    "version",
    "the version or artifact id; in CI, the tag that was pushed; otherwise what runs",
    parameter="artifact",
    old=_OLD,
    tagged=True,
)
PLANNED_ENV = Flag("env", "the environment; left out, the one that the version's suffix belongs to, or the only one")
DETAILED = Flag("detailed", "exit 9 if anything would change: for monitors of drift", False)
TELL = Flag("tell", "the output `summary` of the step that planned: comment on the pull request, and plan nothing")
STORE = Flag("store", "store the plan in the bucket, for `infra --planned` in a later job", False)
LOCK_ID = Flag("id", "the lock to free, as the task infra.lock names it")
RUN_ENDED = Flag("run-ended", "confirm that its CI run has ended, if CI cannot be asked", False)

# What is stored.
KIND = Flag("kind", "another kind of target than hosts: ecs, lambda or asg", "ec2")
PR_NUMBER = Flag("pr", "the pull request: 51 is pr-51; in CI, its own")
CLEANED_PR = Flag("pr", "the pull request whose environment to clean up: 51 is pr-51")
DAYS = Flag("days", "how many days an artifact stays after it was stored or deployed last", 7)
KEEP = Flag("keep", "how many of the newest healthy artifacts stay, however old they are", 5)
EXPLAIN = Flag("explain", "list each artifact with its size, its age, and why it stays or goes", False)

# An account and its hosts.
OWNER_ID = Flag("owner-id", "GitHub's number of the owner, if the repository was created from 2026-07-15 on")
REPOSITORY_ID = Flag("repository-id", "GitHub's number of the repository, with --owner-id")
DOCUMENT_ONLY = Flag("document-only", "install the SSM document and leave everything else to you", False)
COMPRESS = Flag("compress", "with --output: gzip it, which cloud-init unpacks", False)
OUTPUT = Flag("output", "write it to a file; left out, it is printed")
ACTION = Flag(
    "action",
    "up, down, status, reset, secret NAME=value, stop-host NAME, start-host NAME, pull-request NUMBER, run-timer "
    "or rerun",
    positional=True,
)
ITEM = Flag(
    "item",
    "of `secret`: NAME=value, kept as the secret of that variable; of `stop-host` and `start-host`: the host; "
    "of `pull-request`: its number, to open it of the branch that is checked out, or to push that to it",
    positional=True,
    after=("secret", "stop-host", "start-host", "pull-request"),
)
SANDBOX_REMOVE = Flag("remove", "of `secret`: remove the secret of that variable; of `pull-request`: close it", False)
SANDBOX_HOSTS = Flag("hosts", "of `up` and `reset`: how many hosts each environment has; left out, as before, or one")

# init: each is an answer, and left out it is asked for, or taken as it was found
INIT = (
    Flag("app", "the app's name; left out, the remote's or the folder's", parameter="name"),
    Flag("env", "the environment; left out, dev"),
    Flag("prefix", "what its tags have before the version: v, api-; left out, what the version tags there have"),
    Flag("branch", "the branch that it ships from; left out, one of the environment's name, or the main one"),
    Flag(
        "runtime",
        "process (the bundle carries the app) or docker (an image does); left out, docker if there is a Dockerfile",
    ),
    Flag("kind", "service or job, on hosts; ecs; lambda; left out, what its workflows say, or service"),
    Flag("command", "what starts a process, such as 'python3 app.py'; of a function, what makes its zip's folder"),
    Flag(
        "include", "the paths that a host gets, between commas; left out, what the repository holds but tests and docs"
    ),
    Flag("build", "what the workflow runs before the bundle is made, such as 'make build'"),
    Flag("built", "the paths that this makes and a host gets: bin,dist; of a function, its zip's folder"),
    Flag("image", "the repository that images are pushed to"),
    Flag("health", "the path that answers with the version; left out, the one in the sources, or /healthz"),
    Flag("cluster", "the cluster of ECS; left out, <app>-<env>"),
    Flag("service", "the service of ECS; left out, <app>-<env>"),
    Flag("function", "the function of Lambda; left out, <app>-<env>"),
    Flag("handler", "the function's handler; left out, the one in the sources, or app.handler"),
    Flag("bucket", "the bucket for artifacts; left out, <app>-artifacts"),
    Flag("region", "the AWS region; left out, the one in the workflows, or us-east-1"),
)
HERE = Flag("here", "this folder is an app of its own, one of several in the repository", False, parameter="own_folder")
WITH_PREVIEWS = Flag("previews", "write [previews] and its workflows too: an environment for each pull request", False)
SOURCE = Flag(
    "source",
    "where CI gets tagship: a wheel's path, git+https://…@<commit>, or index; left out, where this one came from",
)
UPDATE = Flag("update", "bring what init wrote earlier up to date; what somebody edited of it is merged", False)
SCHEMA = Flag("schema", "print the JSON schema of tagship.toml, by which editors check it, and stop", False)
HASH = Flag("hash", "with --source index: a hash of the wheel or the sdist, sha256:…", many=True)
