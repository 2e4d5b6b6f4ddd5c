"""Every role that the workflows talk to, on one page. Adapters play them; tests play them by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tagship.domain.deployment import Deployment, Entry
from tagship.domain.foundation import Found, Stack
from tagship.domain.freeze import Freeze, Frozen
from tagship.domain.health import Sample
from tagship.domain.hosts import Host, HostReport, Order, Sent
from tagship.domain.infra import Output
from tagship.domain.lease import LeaseRecord, Seen
from tagship.domain.manifest import ImageRef
from tagship.domain.mark import Mark
from tagship.domain.version import Version
from tagship.settings import Settings

# -- people ------------------------------------------------------------------------------------------------------------


class Clock(Protocol):
    """Time, so that tests have their own."""

    def now(self) -> datetime: ...  # aware, UTC

    def sleep(self, seconds: float) -> None: ...


class Screen(Protocol):
    """What a person or a log reads. Lines go to stdout; where `--json` is asked for, lines go to stderr."""

    def say(self, text: str = "") -> None: ...

    def warn(self, text: str) -> None: ...

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None: ...

    def data(self, value: object) -> None:
        """One JSON document on stdout: what `--json` prints."""

    def live(self, title: str) -> AbstractContextManager[Callable[[str], None]]:
        """Progress: call what it yields with the present phase. Plain timestamped lines where there is no terminal."""


class Prompt(Protocol):
    """Questions. `possible` is false without a terminal or under CI: workflows then say which flag they wanted.

    Ctrl-C at a question raises Interrupted.
    """

    @property
    def possible(self) -> bool: ...

    def choose(self, question: str, choices: Mapping[str, str]) -> str:
        """One of `choices` (value → what is shown); the first is preselected."""

    def text(self, question: str, default: str, problem: Callable[[str], str]) -> str:
        """Free entry; `problem` says, as it is typed, what is wrong with it (empty: nothing)."""

    def confirm(self, question: str) -> bool: ...


# -- the repository ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tag:
    """A tag: `oid` is its object, `commit` what it points at; `tagger` "Name <mail>", empty for a lightweight one."""

    name: str
    oid: str
    commit: str
    tagger: str = ""
    when: datetime | None = None


@dataclass(frozen=True)
class State:
    """What there is to know of a checkout before a tag, read in as few git calls as it takes."""

    head: str  # commit
    branch: str  # empty: detached
    dirty: Sequence[str]  # paths
    shallow: bool
    upstream: str  # the remote branch's commit; empty: the remote has no such branch
    ahead: int
    behind: int


@dataclass(frozen=True)
class Pushed:
    """How a push ended: nothing at all was taken unless `ok`; `rejected` maps a ref to git's reason.

    `there` are the refs that the remote had already, as they are.
    """

    ok: bool
    rejected: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    there: frozenset[str] = frozenset()


class Repository(Protocol):
    """A Git repository and its remote. Errors of the remote raise ServiceFailed with git's own words."""

    @property
    def root(self) -> Path: ...

    def fetch(self, branch: str, suffix: str) -> Sequence[str]:
        """Fetch the branch and the channel's tags, in one round trip; returns tags that moved (none is overwritten)."""

    def state(self, branch: str) -> State: ...

    def newest(self, suffix: str, count: int) -> Sequence[Version]: ...

    def tag(self, name: str) -> Tag | None: ...

    def tags(self, names: Sequence[str]) -> Sequence[Tag]:
        """Those of the names that are local tags, in one call, in the order asked."""

    def remote_tag(self, name: str) -> Tag | None:
        """The remote's tag of that name, as it is now; the local one is left alone."""

    def me(self) -> str:
        """ "Name <mail>" as git would sign a tag; raises Refused where git knows none."""

    def create_tag(self, name: str, commit: str, message: str) -> Tag: ...

    def delete_tag(self, tag: Tag) -> None:
        """Remove the local tag, if it still is that object."""

    def push(self, commit: str, branch: str, tag: Tag) -> Pushed:
        """Branch and that one tag, atomically, with explicit refspecs; the tag alone where `branch` is empty."""

    def push_commands(self, commit: str, branch: str, name: str, message: str) -> Sequence[str]:
        """The exact commands that create_tag and push run, as a person would type them."""

    def undo(self, tag: Tag) -> Pushed:
        """Delete the remote's tag, leased on its object id."""

    def log(self, since: str, until: str) -> Sequence[str]:
        """Commit subjects, newest first, after `since` up to `until`."""

    def resolve(self, revision: str) -> str:
        """The commit that a revision names; raises UsageError where it names none."""

    def on_branch(self, commit: str, branch: str) -> bool:
        """Whether the remote's branch contains the commit."""

    def in_head(self, commit: str) -> bool:
        """Whether the checked-out branch contains the commit."""

    def tags_at(self, commit: str) -> Sequence[str]: ...

    def files(self, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, bool, int, Callable[[int], bytes]]]:
        """Each file of the commit under `paths`, sorted by path: path, executable, size, and its bytes by read(n)."""

    def remote_url(self) -> str: ...


# -- the bucket --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Object:
    """An object as the store answered it. `now` is the store's own clock when it answered."""

    key: str
    etag: str
    size: int
    modified: datetime
    now: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""  # hex, of the whole object, where the store keeps it
    body: bytes = b""


class Conflict(Exception):
    """A conditional write lost: the object is there already, or is no longer the one that was read."""


class Store(Protocol):
    """One bucket. Writes are conditional. What the outside does wrong raises ServiceFailed, never a library's error."""

    @property
    def bucket(self) -> str: ...

    def now(self) -> datetime:
        """The store's own clock."""

    def get(self, key: str) -> Object | None: ...

    def head(self, key: str) -> Object | None: ...

    def download(self, key: str, to: Path) -> Object | None: ...

    def create(self, key: str, body: bytes | Path, metadata: Mapping[str, str] | None = None) -> Object:
        """Put an object that is not there yet, with its SHA-256; raises Conflict when it is."""

    def replace(self, key: str, body: bytes, etag: str) -> Object:
        """Compare-and-swap; raises Conflict when the object is no longer `etag`."""

    def delete(self, key: str, etag: str) -> None:
        """Raises Conflict when the object is no longer `etag`."""

    def list(self, prefix: str, delimiter: str = "", after: str = "") -> Iterator[Object]:
        """Objects under a prefix in key order, a page at a time; with a delimiter, common prefixes too (as keys).

        `after`: only those whose keys come after it.
        """


class Signer(Protocol):
    """ECDSA P-256 over the bytes given, DER-encoded, as `openssl dgst -sha256 -verify` reads it."""

    def sign(self, raw: bytes) -> bytes: ...


class Verifier(Protocol):
    def verify(self, raw: bytes, signature: bytes, where: str) -> None:
        """Raises NotAuthentic, naming `where`, when the signature is not of these bytes by the pinned key."""

    def public_key(self) -> str:
        """The key as PEM: what hosts pin."""


class Secrets(Protocol):
    """Parameter Store and Secrets Manager, by names and versions: no value is ever asked for."""

    def parameters(self, path: str) -> Mapping[str, str]:
        """Every parameter below a path, and the number of its newest version."""

    def current(self, name: str) -> str:
        """The version id of a secret that is labelled AWSCURRENT; raises Refused where there is none."""


class Builder(Protocol):
    """Builds and pushes an image."""

    def build(
        self,
        context: Path,
        dockerfile: Path,
        repository: str,
        tag: str,
        *,
        labels: Mapping[str, str],
        arguments: Mapping[str, str],
    ) -> ImageRef:
        """Build with labels and build arguments, and push; returns the digest that was pushed."""

    def labels(self, image: ImageRef) -> Mapping[str, str]:
        """The labels of an image that is in the registry."""


class Registry(Protocol):
    """Where images are."""

    def login(self, repository: str) -> None: ...

    def find(self, repository: str, tag: str) -> ImageRef | None:
        """The image under a tag, by the registry's own word for its digest."""


# -- the environment ---------------------------------------------------------------------------------------------------


class Leases(Protocol):
    """The lease of each environment, or of the group that it shares one with, changed only by compare-and-swap."""

    def look(self, environment: str) -> Seen | None: ...

    def take(
        self,
        environment: str,
        *,
        holder: str,
        run_url: str,
        ttl: int,
        deployment_id: str = "",
        above: int = 0,
        over: str = "",
        living: bool = False,
    ) -> LeaseRecord:
        """Raises LeaseHeld, naming the holder and the unlock command, when somebody else has it, heard of or not.

        `over` is the deployment whose lease is taken once its heartbeat has expired (`living`: even if it has not). The
        fencing number is higher than any before it, and than `above`. The deployment's id is given where there is none.
        """

    def renew(self, record: LeaseRecord, *, phase: str, commands: Sequence[str] = ()) -> LeaseRecord:
        """Raises LeaseLost when the lease is no longer this one."""

    def release(self, record: LeaseRecord) -> None:
        """Frees this lease; one that is somebody else's by now is left alone."""

    def let_go(self, record: LeaseRecord) -> None:
        """Lets this lease expire at once, with what it has in flight still named in it; as `release` otherwise."""

    def break_(self, environment: str, deployment_id: str) -> None:
        """Frees the lease of that deployment; raises Refused when another holds it."""


class Freezes(Protocol):
    """Each environment's freeze, written by people; expiry is by the store's own clock."""

    def now(self) -> datetime: ...

    def look(self, environment: str) -> Frozen | None:
        """The freeze, ended or not; raises FreezeUnreadable for what is none."""

    def write(self, freeze: Freeze, over: str) -> None:
        """Put a freeze in place of the one of that ETag (empty: where there is none); raises Refused when that changed
        meanwhile."""

    def remove(self, frozen: Frozen) -> None:
        """Take away the freeze that was looked at; raises Refused when it changed meanwhile."""


@dataclass(frozen=True)
class Window:
    """What a change calendar says: whether changes are allowed, and when that changes (None: it does not say)."""

    open: bool
    changes: datetime | None = None


class Calendar(Protocol):
    def state(self, name: str) -> Window:
        """Raises Refused, with the remedy, where the calendar cannot be asked."""


class Ledger(Protocol):
    """The append-only record of deployments of each environment."""

    def append(self, entry: Entry) -> None: ...

    def deployments(self, environment: str, limit: int = 0) -> Sequence[Deployment]:
        """Oldest first; `limit` keeps the latest that many (0: all)."""

    def unreadable(self, environment: str) -> Sequence[str]:
        """Keys that the last `deployments` and `marks` could not read: they were passed over, and are still there."""

    def index(self, environment: str) -> int:
        """Index what came since the last time, where the last `deployments` saw that it is much; returns how many
        segments were written. It never fails what it follows: without an index, reading takes longer, and no more."""

    def rebuild_index(self, environment: str) -> int:
        """Write the index anew from the entries; returns how many segments it has."""

    def mark(self, mark: Mark) -> None:
        """Add a person's word about a version."""

    def marks(self, environment: str) -> Sequence[Mark]:
        """Oldest first."""


class Target(Protocol):
    """What an environment runs on."""

    def hosts(self) -> Sequence[Host]:
        """The machines, and whether each can be reached; raises Refused where there is none."""

    def send(self, order: Order, hosts: Sequence[Host]) -> Sequence[str]:
        """Ask hosts to act; returns the ids of the commands in flight."""

    def collect(
        self, commands: Sequence[str], hosts: Sequence[Host], beat: Callable[[str], None]
    ) -> Sequence[HostReport]:
        """Wait until every host has answered or is gone (`silent`); calls `beat` with the phase at every poll."""

    def in_flight(self, deployment_id: str, commands: Sequence[str]) -> Sequence[str]:
        """Which commands have not ended: of those ids, and of any other that was sent for that deployment."""

    def sent_for(self, deployment_id: str, since: datetime) -> Sequence[Sent]:
        """Every order that was sent for a deployment since then, ended or not, in the order sent."""

    def cancel(self, commands: Sequence[str]) -> None:
        """Ask for commands to be ended on every host; they may still run when this returns."""


class ToolFailed(Exception):
    """An infrastructure tool did not do it. `said` is its own words, `code` its exit code.

    `kind`: locked (another run has the state), stale (the state changed after the plan was made), or failed.
    """

    def __init__(self, doing: str, code: int, said: str, kind: str = "failed") -> None:
        super().__init__(doing)
        self.doing, self.code, self.said, self.kind = doing, code, said, kind


class Infrastructure(Protocol):
    """The tool that changes what an environment stands on. What it says is shown as it says it.

    `variables` are put into its environment (None: taken out of it). Raises ToolFailed; Refused where the tool is
    missing. Ctrl-C and SIGTERM are passed on to it, and KeyboardInterrupt is raised when it has ended.
    """

    def prepare(self) -> None:
        """Tie the directory to the environment's state; raises Refused where its configuration keeps it elsewhere."""

    def plan(self, to: Path, variables: Mapping[str, str | None]) -> bool:
        """Save a plan; returns whether it changes anything."""

    def apply(self, plan: Path, variables: Mapping[str, str | None]) -> None:
        """Do exactly what a saved plan says."""

    def outputs(self) -> Mapping[str, Output]: ...

    def run(self, command: Sequence[str], variables: Mapping[str, str | None]) -> None:
        """Run another tool's command in the same place."""


class Foundation(Protocol):
    """What an account has before anything can be shipped: stacks, documents, and what stood there before us."""

    def found(self, bucket: str, key: str, repository: str) -> Found:
        """What is there of these, and of GitHub's OIDC provider; `key` is as in the settings."""

    def bucket_gaps(self, bucket: str) -> Sequence[str]:
        """What a bucket that we did not make lacks, in words."""

    def public_key(self, key: str) -> str:
        """The public half of a `kms:` key as PEM; raises Refused where it is no ECC_NIST_P256 key that signs."""

    def stack(self, name: str) -> Stack | None: ...

    def put_stack(self, wanted: Stack, *, protect: bool = False) -> Stack:
        """Create or update a stack and wait until it is done; raises ServiceFailed with the resource that failed."""

    def document(self, name: str) -> str | None:
        """The content of an SSM document's default version."""

    def put_document(self, name: str, content: str) -> str:
        """Make `content` the default version, once; returns that version's number."""


class Web(Protocol):
    """An app's health answer, as the outside sees it."""

    def ask(self, url: str, version_key: str, timeout: float) -> Sample: ...


# -- the forge ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    name: str
    state: str  # queued | in_progress | completed
    conclusion: str = ""  # success | failure | cancelled | skipped


@dataclass(frozen=True)
class Notice:
    """What a run's step said of itself: the title says which exit code, the message what happened."""

    level: str  # notice | warning | failure
    title: str
    message: str


@dataclass(frozen=True)
class Run:
    """One run of a workflow."""

    id: str
    url: str
    state: str
    conclusion: str = ""
    steps: Sequence[Step] = ()


class Forge(Protocol):
    """Where CI runs."""

    @property
    def where(self) -> str:
        """A page where a person can look."""

    def find_run(self, commit: str, tag: str) -> Run | None: ...

    def run(self, run_id: str) -> Run: ...

    def notices(self, run_id: str) -> Sequence[Notice]: ...

    def green(self, commit: str) -> str:
        """What CI says of a commit: success | failure | pending | none."""


# -- all of them -------------------------------------------------------------------------------------------------------


class App(Protocol):
    """What a workflow is given. Each port is made when it is first used: a verb pays only for what it talks to."""

    @property
    def settings(self) -> Settings: ...
    @property
    def root(self) -> Path: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def screen(self) -> Screen: ...
    @property
    def prompt(self) -> Prompt: ...
    @property
    def repository(self) -> Repository: ...
    @property
    def store(self) -> Store: ...
    @property
    def signer(self) -> Signer: ...
    @property
    def verifier(self) -> Verifier: ...
    @property
    def secrets(self) -> Secrets: ...
    @property
    def builder(self) -> Builder: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def freezes(self) -> Freezes: ...
    @property
    def calendar(self) -> Calendar: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def web(self) -> Web: ...
    @property
    def foundation(self) -> Foundation: ...
    @property
    def forge(self) -> Forge | None:
        """None where no token is at hand."""

    @property
    def who(self) -> str:
        """Who is acting, and from where: "ada@laptop", "run 4711 (octocat)"."""

    @property
    def run_url(self) -> str:
        """The CI run that this process is a step of; empty outside CI."""

    def target(self, environment: str) -> Target: ...

    def infrastructure(self, environment: str) -> Infrastructure: ...

    def state_store(self, environment: str) -> Store:
        """The bucket that holds an environment's Terraform state."""
