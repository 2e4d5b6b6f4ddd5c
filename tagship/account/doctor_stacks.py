"""What `doctor` says of a bucket and of what `setup` makes, in whatever account and region they are."""

from __future__ import annotations

from collections.abc import Iterator

from tagship.account.desired import Wanted
from tagship.domain import commands
from tagship.domain.finding import Finding, failing, ok, warning
from tagship.ports.app import Account


def compared(wanted: Wanted, of: str, *, sandbox: bool) -> Iterator[Finding]:
    """Compare what `setup` makes with what is there.

    `of` is what each name begins with.
    """
    for change in wanted.changes:
        about = f"{of}{change.kind} {change.name}"
        if change.same:
            yield ok(about, "as it should be")
        elif change.current:
            yield warning(about, "differs from this tagship's", commands.setup(dry_run=True))
        elif sandbox:
            yield ok(about, "not needed: the sandbox does without")
        else:
            yield failing(about, "is not there", commands.setup(), safe=True)


def of_bucket(app: Account, about: str) -> Iterator[Finding]:
    """Look whether a bucket keeps artifacts as it should."""
    bucket = app.settings.aws.bucket
    if app.settings.sandbox:
        yield ok(about, f"s3://{bucket}, the sandbox's own")
        return
    gaps = app.foundation.bucket_gaps(bucket, app.settings.app)
    if gaps:
        yield failing(about, f"s3://{bucket}: {', '.join(gaps)}", commands.setup(dry_run=True))
    else:
        yield ok(about, f"s3://{bucket}")
