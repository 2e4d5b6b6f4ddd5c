"""What an app has in S3, and what watches over it: artifacts, records, static sets, calendars, figures."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from tagship.bootstrap.late import Late
from tagship.settings.late import require_known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tagship.adapters.clock import AnswersClock
    from tagship.ports.account import Calendar
    from tagship.ports.bucket import Freezes, Leases, Ledger, Store
    from tagship.ports.figures import FigureLog
    from tagship.ports.site import Site


class Storage(Late):
    """The ports over S3, of one repository's settings."""

    @cached_property
    def store(self) -> Store:
        """Open the app's bucket, or the bucket of each environment."""
        if self.whole:
            return self.whole.store
        copies = self._copies()
        if len(self.accounts) == 1 and not copies:
            return self.accounts[0].bucket
        from tagship.adapters.bucket.several import SeveralStores

        opened = {app.settings.aws.bucket: partial(getattr, app, "bucket") for app in self.accounts}
        return SeveralStores(opened, self.settings.bucket_of, copies)

    def _copies(self) -> Mapping[str, list[Callable[[], Store]]]:
        """Open the buckets that have copies, by the bucket of the originals."""
        copies: dict[str, list[Callable[[], Store]]] = {}
        for name in self.settings.environments:
            if len(self.settings.places(name)) > 1:
                home, *others = self.regions(name)
                copies.setdefault(home.settings.aws.bucket, []).extend(
                    partial(getattr, app, "bucket") for app in others
                )
        return copies

    @cached_property
    def bucket(self) -> Store:
        """Open the bucket of this account."""
        from tagship.adapters.aws.s3 import S3Store

        return S3Store(self.aws, self.settings.aws.bucket, self.time_of_s3)

    @cached_property
    def time_of_s3(self) -> AnswersClock:
        """Keep the time of S3, which all buckets share."""
        from tagship.adapters.clock import AnswersClock

        return self.whole.time_of_s3 if self.whole else AnswersClock()

    @cached_property
    def leases(self) -> Leases:
        from tagship.adapters.bucket.leases import StoredLeases

        whole = self.whole
        return whole.leases if whole else StoredLeases(self.store, self.settings.app, self.settings.lease_group)

    @cached_property
    def freezes(self) -> Freezes:
        from tagship.adapters.bucket.freezes import StoredFreezes

        return self.whole.freezes if self.whole else StoredFreezes(self.store, self.settings.app)

    @cached_property
    def calendar(self) -> Calendar:
        from tagship.adapters.aws.calendar import SsmCalendar

        return SsmCalendar(self.aws)

    @cached_property
    def ledger(self) -> Ledger:
        from tagship.adapters.bucket.ledger import StoredLedger

        return self.whole.ledger if self.whole else StoredLedger(self.store, self.settings.app)

    def state_place(self, environment: str) -> tuple[str, str]:
        bucket, key = self.settings.state(environment)
        if "{account}" not in bucket + key:
            return bucket, key
        from tagship.adapters.aws.identity import account

        return self.settings.state(environment, account(self.at(environment).aws))

    @cached_property
    def figures(self) -> FigureLog:
        from tagship.adapters.aws.figures import CloudWatchLog
        from tagship.domain.dashboard import log_group

        return CloudWatchLog(self.aws, log_group(self.settings.app))

    def state_store(self, environment: str) -> Store:
        from tagship.adapters.aws.s3 import S3Store

        return S3Store(self.at(environment).aws, self.state_place(environment)[0])

    @property
    def report_site(self) -> Site:
        from tagship.adapters.aws.site import AwsSite

        return AwsSite(self.aws, self.settings.report.bucket, self.settings.report.prefix)

    def site(self, environment: str, static_set: str) -> Site:
        from tagship.adapters.aws.site import AwsSite

        settings = self.filled(environment)
        require_known(settings, environment, f"static.{static_set}")
        place = settings.static[static_set].environments[environment]
        return AwsSite(self.at(environment).aws, place.bucket, place.prefix, place.distribution)
