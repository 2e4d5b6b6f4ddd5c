"""Makes AWS clients, and turns AWS's errors into ours. Nothing outside the adapters sees botocore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, Literal, overload

from tagship.adapters.aws import credentials, skew
from tagship.adapters.aws.codes import IAM_ACTIONS, KINDS
from tagship.adapters.aws.owner import Owner
from tagship.adapters.aws.pacing import Pacing
from tagship.adapters.aws.remedies import ClientRemedies
from tagship.adapters.aws.silence import Bound, Patience
from tagship.domain import aws_commands
from tagship.domain.aws_commands import Where
from tagship.domain.text import either
from tagship.errors import NotAllowed, ServiceFailed

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

CONNECT_TIMEOUT = 5  # seconds
READ_TIMEOUT = 10  # seconds without a byte: in an incident nobody waits minutes to learn that AWS is silent
LONGEST_PROCESS = 120  # seconds that a credential process may take: it may have a browser open, and somebody asked
ATTEMPTS = 4  # in all, of one call: botocore's standard mode repeats what is safe (5xx, throttling, broken connections)
SECONDS, FEW = 3, 2  # patience and attempts for a question that one can do without

AGAIN = "run the same command again"


@dataclass(frozen=True)
class Aws(ClientRemedies):
    """Region, endpoint and credentials in one place.

    One session: clients share its loader (a client costs 100 ms). `say` hears what is waited for, and each time that
    AWS is silent for `patience` seconds, before it is asked again (`attempts` in all); `ask` asks for MFA codes.
    """

    region: str
    endpoint: str | None = None
    profile: str = ""
    people: str = ""  # the profile that people have where a job has a role
    account: str = ""  # the twelve digits of the one that it may write to; empty: whatever it is
    sandbox: bool = False
    keys: tuple[str, str] = field(default=("sandbox", "sandbox"), repr=False)  # the sandbox's; nobody else's are asked
    ci: bool = False  # in a CI job a refusal has another remedy
    say: Callable[[str], None] = field(default=lambda _: None, repr=False)
    ask: Callable[[str], str] = field(default=credentials.ask_for_code, repr=False)
    patience: float = READ_TIMEOUT
    attempts: int = ATTEMPTS
    process_within: float = LONGEST_PROCESS
    _making: Any = field(
        default_factory=RLock, repr=False, compare=False
    )  # botocore's session is not safe among threads
    _sessions: list[Any] = field(default_factory=list, repr=False, compare=False)  # the one, once it is made

    @overload
    def client(self, name: Literal["s3"]) -> S3Client: ...
    @overload
    def client(self, name: Literal["kms"]) -> KMSClient: ...
    @overload
    def client(self, name: Literal["ecr"]) -> ECRClient: ...
    @overload
    def client(self, name: Literal["ssm"]) -> SSMClient: ...
    @overload
    def client(self, name: Literal["ec2"]) -> EC2Client: ...
    @overload
    def client(self, name: Literal["secretsmanager"]) -> SecretsManagerClient: ...
    @overload
    def client(self, name: str) -> Any: ...
    def client(self, name: str) -> Any:
        """Make a client once. Raises ServiceFailed without credentials."""
        if name in self._clients:  # not behind the lock: another may be in the making for long
            return self._clients[name]
        with self._making, self.translated(f"preparing to talk to {name}"):
            if name not in self._clients:
                self._clients[name] = self._made(name, self._config, self.attempts)
            return self._clients[name]

    def prepare(self, *names: str) -> None:
        """Begin to make clients, beside what waits for AWS meanwhile."""
        if all(name in self._clients for name in names):
            return
        with suppress(Exception):  # whoever needs the client hears of it
            self._opened.get_credentials()  # here, where somebody may be asked for a code
            Thread(target=self._prepare, args=names, daemon=True).start()

    def _prepare(self, *names: str) -> None:
        with suppress(Exception):  # as in `prepare`
            for name in names:
                self.client(name)

    def once(self, name: str) -> Any:
        """Make a client that sends each request once: some mustn't be repeated."""
        from botocore.config import Config

        key = f"{name}, once"
        with self._making, self.translated(f"preparing to talk to {name}"):
            if key not in self._clients:
                config = self._config.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
                self._clients[key] = self._made(name, config, 1)
        return self._clients[key]

    def _made(self, name: str, config: Any, attempts: int) -> Any:
        client = self._opened.create_client(name, region_name=self.region, endpoint_url=self.endpoint, config=config)
        Patience(self.say, self.patience, CONNECT_TIMEOUT, attempts).watch(client)
        if name == "lambda":
            self._pacing.watch(client)
        if self.account:
            self._owner.watch(client)
        return client

    @cached_property
    def _pacing(self) -> Pacing:
        return Pacing()

    @cached_property
    def _owner(self) -> Owner:
        return Owner(self.account, self._asked_for_account, self._of_account)

    def _asked_for_account(self) -> str:
        client: Any = self.client("sts")
        with self.translated("asking AWS whose account this is"):
            return str(client.get_caller_identity()["Account"])

    @property
    def _opened(self) -> Any:
        with self._making:
            self._sessions[:] = self._sessions or [self._session()]
            return self._sessions[0]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def _session(self) -> Any:
        """Make botocore's session; boto3's adds a tenth of a second of imports."""
        from botocore.session import Session

        if self.sandbox:
            core = Session({"profile": (None, [], None, None)})  # the sandbox ignores a laptop's AWS_PROFILE
            core.set_credentials(*self.keys)
            return core
        core = Session(profile=self.profile or None)
        credentials.with_prompt(core, self.ask)
        credentials.with_bound(core, Bound(self.say, self.process_within))
        return core

    @cached_property
    def _config(self) -> Any:
        from botocore.config import Config

        common = Config(
            retries={"mode": "standard", "total_max_attempts": self.attempts},
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=self.patience,
            user_agent_extra="tagship",
        )
        # Loopback has no bucket.host names, and a proxy of the environment does not reach it.
        return common.merge(Config(s3={"addressing_style": "path"}, proxies={})) if self.sandbox else common

    @staticmethod
    def unsure(error: Exception) -> bool:
        """Tell whether a failed request may still have been carried out."""
        from botocore import exceptions as e

        if isinstance(error, e.ClientError):
            code = error.response.get("Error", {}).get("Code", "")
            return _status(error) >= 500 and code not in KINDS["throttled"]
        never_sent = (e.ConnectTimeoutError, e.EndpointConnectionError, e.ProxyConnectionError, e.SSLError)
        return isinstance(error, e.HTTPClientError) and not isinstance(error, never_sent)

    @staticmethod
    def refused_for_now(error: Exception) -> bool:
        """Tell whether a request was throttled, or surely never sent."""
        from botocore import exceptions as e

        if isinstance(error, e.ClientError):
            return error.response.get("Error", {}).get("Code", "") in KINDS["throttled"]
        return isinstance(error, e.ConnectTimeoutError | e.EndpointConnectionError | e.ProxyConnectionError)

    @contextmanager
    def translated(self, doing: str, *, state: str = "Nothing was changed.") -> Iterator[None]:
        """Turn botocore's errors into ServiceFailed.

        `doing` is what was attempted, as in "reading s3://b/key". Errors of any other type count if they come out of
        the reading of credentials, which botocore may do in any call.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            yield
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            problem, remedy = self._explained(error, doing)
            kind = NotAllowed if _denied(error) else ServiceFailed
            raise kind(problem, state=state, remedy=remedy, evidence=_evidence(error)) from error
        except Exception as error:
            if not credentials.concern(error):
                raise
            raise ServiceFailed(f"{credentials.explain(error)} ({doing}).", state=state, remedy=self._try_it) from error

    def _explained(self, error: Any, doing: str) -> tuple[str, str]:
        """Say what is wrong, and what to do about it."""
        from botocore.exceptions import ClientError
        from botocore.parsers import ResponseParserError

        if isinstance(error, ClientError):
            return self._answered(error, doing)
        if isinstance(error, ResponseParserError):  # of a proxy, or of a network that wants somebody to sign in
            return f"What answered in the place of AWS can't be read ({doing}).", self._reach
        return self._unanswered(error, doing)

    def _answered(self, error: Any, doing: str) -> tuple[str, str]:
        """Explain an error that AWS answered with."""
        code = error.response.get("Error", {}).get("Code", "")
        message = error.response.get("Error", {}).get("Message", "")
        action = self._action(error.operation_name)
        kind = next((kind for kind, codes in KINDS.items() if code in codes), "")
        if kind == "denied" and self.account and (other := self._owner.other):
            words = f"The AWS credentials are of the account {other}, and tagship.toml says {self.account}"
            return f"{words}: they may not {action} ({doing}).", self._of_account
        known = {
            "expired": ("The AWS credentials have expired", self._renew),
            "unknown": ("AWS does not accept the credentials in use", self._sign_in),
            "denied": (f"Access denied: the AWS identity in use may not {action}", _allow(action, self.where)),
            "bucket": ("The bucket does not exist", self._create_bucket(error, doing)),
            "elsewhere": (f"The bucket is in another region than {self.region}", "Correct aws.region in tagship.toml"),
            "skewed": ("This machine's clock is too far off for AWS", f"Set the clock, then {AGAIN}"),
            "throttled": (f"AWS throttles {action}, after {self.attempts} attempts", f"Wait a minute, then {AGAIN}"),
        }
        failed = f"AWS failed with {code or 'no code'}: {message or 'no message'}"
        problem, remedy = known.get(kind, (failed, AGAIN.capitalize()))
        if clock := skew.off(error, kind):
            problem, remedy = clock, f"Set the clock, then {AGAIN}"
        return f"{problem} ({doing}).", remedy

    def _unanswered(self, error: Any, doing: str) -> tuple[str, str]:
        """Explain why nothing came back, or no request was made."""
        from botocore import exceptions as e

        if isinstance(error, e.NoCredentialsError | e.PartialCredentialsError | e.NoAuthTokenError):
            return f"There are no AWS credentials ({doing}).", self._sign_in
        if isinstance(error, e.ProfileNotFound):
            return (
                f"{error} ({doing}).",
                f"Name one of these in aws.profile of tagship.toml: {aws_commands.profiles()}",
            )
        if isinstance(error, e.SSOError | e.TokenRetrievalError | e.CredentialRetrievalError):
            return f"The AWS credentials have expired or cannot be read ({doing}).", self._sign_in
        if isinstance(error, e.FlexibleChecksumError):
            return f"The bytes that arrived differ from those that AWS stored ({doing}).", AGAIN.capitalize()
        if isinstance(error, e.HTTPClientError | e.ConnectionError | e.IncompleteReadError):
            return f"AWS cannot be reached at {self.endpoint or self.region} ({doing}).", self._reach
        return f"AWS could not be asked: {error} ({doing}).", "Correct the aws table of tagship.toml"

    def _action(self, operation: str) -> str:
        """Name the IAM action of an operation: `s3:PutObject`."""
        for name, client in self._clients.items():
            if operation in client.meta.service_model.operation_names:
                return f"{name.partition(',')[0]}:{IAM_ACTIONS.get(operation, operation)}"
        return operation


def hurried(aws: Aws) -> Aws:
    """Make clients of little patience, for a dispensable question."""
    return replace(aws, patience=SECONDS, attempts=FEW)


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _denied(error: Any) -> bool:
    code = (getattr(error, "response", None) or {}).get("Error", {}).get("Code", "")
    return code in KINDS["denied"]


def _allow(action: str, where: Where) -> str:
    allow = f"Allow {action} in the policy of the identity that this prints: {aws_commands.caller(where)}"
    return either(allow, "Then run the same command again")


def _evidence(error: Any) -> str:
    """Quote AWS's own words, with the request id for its support."""
    request = (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("RequestId")
    return f"{error} [request {request}]" if request else f"{error}"
