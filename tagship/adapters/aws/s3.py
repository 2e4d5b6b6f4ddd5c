"""The bucket, in S3. Every write is conditional and carries its SHA-256; S3's own clock, which dates each answer, is
the only one.

- A body is put in one PutObject, streamed from the file where it is one: up to 5 GiB, S3's limit for a single put. A
  multipart upload has no SHA-256 of the whole object (SHA256 is COMPOSITE only), and a bundle larger than that is
  refused rather than stored with a checksum that says less.
- 409 ConditionalRequestConflict is a race of two conditional writes. botocore does not repeat it; we do.
- botocore repeats a put whose answer was lost. If the lost one had succeeded the repeated one sees 412, so after a
  repetition a 412 is believed only when the object that is there is not the one that we put.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagship.adapters.aws.lifecycle import bucket_rules
from tagship.adapters.aws.session import Aws
from tagship.adapters.clock import AnswersClock
from tagship.errors import Refused, ServiceFailed
from tagship.ports.bucket import Conflict, Object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST = 5 * 1024**3  # bytes, of one PutObject (S3 User Guide, "Uploading objects")
CHUNK = 1024 * 1024
BATCH = 1000  # keys of one DeleteObjects (S3 API Reference)
RACES = 8  # attempts, when S3 answers 409 each time
LOST = {"PreconditionFailed", "412"}
ABSENT = {"NoSuchKey", "404", "NotFound"}
RACED = {"ConditionalRequestConflict", "409"}
UNSURE_DELETED = "Some objects may have been deleted. Running the same command again is safe."
UNSURE = "S3 may have stored it or not. Running the same command again is safe."


@dataclass(frozen=True)
class S3Store:
    """One bucket; see tagship.ports.bucket.Store.

    A missing object looks like a denied one to an identity without s3:ListBucket, and `head` cannot tell a missing
    bucket from a missing object (S3 answers HEAD without a body): read with `get` first.
    """

    aws: Aws
    bucket: str
    clock: AnswersClock = field(default_factory=AnswersClock, compare=False, repr=False)

    @property
    def _s3(self) -> S3Client:
        return self.aws.client("s3")

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def now(self) -> datetime:
        """Tell S3's time, by the answers so far.

        Before the first answer, a HEAD of nothing is asked.
        """
        return self.clock.now() or self._asked()

    def _asked(self) -> datetime:
        from botocore.exceptions import ClientError

        with self.aws.translated(f"asking {self.url('')} for the time"):
            try:
                return self._date(self._s3.head_object(Bucket=self.bucket, Key="_now"))
            except ClientError as error:
                if _code(error) not in ABSENT:
                    raise
                return self._date(error.response)

    def _date(self, answer: Any) -> datetime:
        """Read S3's own time of an answer, in whole seconds."""
        return self.clock.hear(parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]))

    def get(self, key: str) -> Object | None:
        answer = self._read(key, "get_object")
        if answer is None:
            return None
        with self.aws.translated(f"reading {self.url(key)}"):
            return self._object(key, answer, answer["Body"].read())

    def head(self, key: str) -> Object | None:
        answer = self._read(key, "head_object")
        return None if answer is None else self._object(key, answer)

    def download(self, key: str, to: Path) -> Object | None:
        answer = self._read(key, "get_object")
        if answer is None:
            return None
        part = to.with_name(to.name + ".part")
        with self.aws.translated(f"reading {self.url(key)}"), part.open("wb") as file:
            for chunk in answer["Body"].iter_chunks(CHUNK):
                file.write(chunk)
        part.replace(to)
        return self._object(key, answer)

    def _read(self, key: str, operation: str) -> Any:
        """Read an object; None if there is no such object."""
        from botocore.exceptions import ClientError

        with self.aws.translated(f"reading {self.url(key)}"):
            try:
                return getattr(self._s3, operation)(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
            except ClientError as error:
                if _code(error) not in ABSENT:
                    raise
                self._date(error.response)
                return None

    def _object(self, key: str, answer: Any, body: bytes = b"") -> Object:
        return Object(
            key,
            answer["ETag"],
            answer["ContentLength"],
            answer["LastModified"],
            self._date(answer),
            dict(answer.get("Metadata", {})),
            _hex(answer.get("ChecksumSHA256", "")),
            body,
        )

    def create(self, key: str, body: bytes | Path, metadata: Mapping[str, str] | None = None) -> Object:
        return self._put(key, body, metadata or {}, {"IfNoneMatch": "*"})

    def copy(self, source: Object, key: str, metadata: Mapping[str, str]) -> None:
        def copied() -> Any:
            return self._s3.copy_object(
                Bucket=self.bucket,
                Key=key,
                CopySource={"Bucket": self.bucket, "Key": source.key},
                CopySourceIfMatch=source.etag,
                IfNoneMatch="*",
                Metadata=dict(metadata),
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
                ChecksumAlgorithm="SHA256",
            )

        def landed() -> Object | None:
            stored = self.head(key)
            return stored if stored and (stored.sha256, stored.metadata) == (source.sha256, dict(metadata)) else None

        try:
            self._write(key, copied, landed)
        except Conflict as conflict:
            if self.head(key):
                raise
            raise ServiceFailed(
                f"{self.url(source.key)} is gone, or has changed since it was read.",
                remedy="Run the same command again",
            ) from conflict

    def replace(self, key: str, body: bytes, etag: str) -> Object:
        return self._put(key, body, {}, {"IfMatch": etag})

    def delete(self, key: str, etag: str) -> None:
        def gone() -> Any:
            return True if self.head(key) is None else None

        def delete() -> Any:
            return self._s3.delete_object(Bucket=self.bucket, Key=key, IfMatch=etag)

        self._write(key, delete, gone)

    def delete_all(self, keys: Sequence[str]) -> Mapping[str, str]:
        failed: dict[str, str] = {}
        for start in range(0, len(keys), BATCH):
            objects: Any = [{"Key": key} for key in keys[start : start + BATCH]]
            with self.aws.translated(f"deleting from {self.url('')}", state=UNSURE_DELETED):
                answer = self._s3.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
            failed |= {row["Key"]: f"{row['Code']}: {row.get('Message', '')}" for row in answer.get("Errors", ())}
        return failed

    def _put(self, key: str, body: bytes | Path, metadata: Mapping[str, str], condition: Mapping[str, str]) -> Object:
        size, digest = _measured(body)
        if size > LARGEST:
            raise Refused(
                f"{key} has {size:,} bytes, and S3 takes at most {LARGEST:,} in one put.",
                remedy="Take large files out of bundle.include and bundle.built in tagship.toml",
            )

        def put() -> Any:
            with _opened(body) as content:
                return self._s3.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=content,
                    ContentLength=size,
                    Metadata=dict(metadata),
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=base64.b64encode(digest).decode(),
                    **condition,  # type: ignore[arg-type]
                )

        def landed() -> Object | None:
            stored = self.head(key)
            return (
                stored if stored and stored.sha256 == digest.hex() and dict(stored.metadata) == dict(metadata) else None
            )

        answer = self._write(key, put, landed)
        if isinstance(answer, Object):
            return answer
        now = self._date(answer)
        return Object(key, answer["ETag"], size, now, now, dict(metadata), digest.hex())

    def _write(self, key: str, write: Callable[[], Any], landed: Callable[[], Any]) -> Any:
        """Write conditionally; raise Conflict if another write came first.

        `landed` says whether our own earlier attempt is what is there now.
        """
        from botocore.exceptions import ClientError
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

        raced = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, ClientError) and _code(error) in RACED),
            wait=wait_random_exponential(multiplier=0.05, max=2),
            stop=stop_after_attempt(RACES),
            reraise=True,
        )
        with self.aws.translated(f"writing {self.url(key)}", state=UNSURE):
            try:
                return raced(write)
            except ClientError as error:
                if _code(error) in RACED:
                    raise self._contested(key) from error
                if _code(error) not in LOST | ABSENT:
                    raise
                repeated = (
                    error.response["ResponseMetadata"].get("RetryAttempts") or raced.statistics["attempt_number"] > 1
                )
                mine = landed() if repeated else None
                if mine is None:
                    raise Conflict(key) from error
                return mine

    def _contested(self, key: str) -> ServiceFailed:
        return ServiceFailed(
            f"Others keep writing {self.url(key)} at the same time: S3 answered 409 {RACES} times.",
            remedy="Run the same command again",
        )

    def list(self, prefix: str, delimiter: str = "", after: str = "") -> Iterator[Object]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, Delimiter=delimiter, StartAfter=after
        )
        walk = iter(pages)
        while True:
            with self.aws.translated(f"listing {self.url(prefix)}"):
                page = next(walk, None)
            if page is None:
                return
            yield from _listed(page, self._date(page))

    def lifecycle(self, prefix: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 (all are in this bucket)
        return bucket_rules(self.aws, self.bucket)


def _listed(page: Any, now: datetime) -> list[Object]:
    """List a page's objects and common prefixes, in key order."""
    objects = [Object(o["Key"], o["ETag"], o["Size"], o["LastModified"], now) for o in page.get("Contents", ())]
    folders = [Object(p["Prefix"], "", 0, now, now) for p in page.get("CommonPrefixes", ())]
    return sorted(objects + folders, key=lambda o: o.key)


def _hex(checksum: str) -> str:
    """Convert S3's base64 to hex; empty for a composite checksum.

    That (`…-3`, of a multipart upload) is not of the whole object.
    """
    return "" if "-" in checksum else base64.b64decode(checksum).hex()


def _code(error: Any) -> str:
    code: str = error.response.get("Error", {}).get("Code", "")
    return code


def _measured(body: bytes | Path) -> tuple[int, bytes]:
    """Size and SHA-256."""
    if isinstance(body, bytes):
        return len(body), hashlib.sha256(body).digest()
    with body.open("rb") as file:
        return body.stat().st_size, hashlib.file_digest(file, "sha256").digest()


def _opened(body: bytes | Path) -> Any:
    from io import BytesIO

    return body.open("rb") if isinstance(body, Path) else BytesIO(body)
