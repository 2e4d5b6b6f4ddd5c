"""What an app has in S3, and what watches over it: artifacts, records, static sets, calendars, figures."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from tagship.bootstrap.terminal import Terminal

if TYPE_CHECKING:
    from tagship import settings
    from tagship.ports.account import Calendar
    from tagship.ports.bucket import Freezes, Leases, Ledger, Store
    from tagship.ports.figures import FigureLog
    from tagship.ports.site import Site


class Storage(Terminal):
    """The ports over S3, of one repository's settings."""

    settings: settings.Settings
    aws: Any

    @cached_property
    def store(self) -> Store:
        from tagship.adapters.aws.s3 import S3Store

        return S3Store(self.aws, self.settings.aws.bucket)

    @cached_property
    def leases(self) -> Leases:
        from tagship.adapters.bucket.leases import StoredLeases

        return StoredLeases(self.store, self.settings.app, self.settings.lease_group)

    @cached_property
    def freezes(self) -> Freezes:
        from tagship.adapters.bucket.freezes import StoredFreezes

        return StoredFreezes(self.store, self.settings.app)

    @cached_property
    def calendar(self) -> Calendar:
        from tagship.adapters.aws.calendar import SsmCalendar

        return SsmCalendar(self.aws)

    @cached_property
    def ledger(self) -> Ledger:
        from tagship.adapters.bucket.ledger import StoredLedger

        return StoredLedger(self.store, self.settings.app)

    @cached_property
    def figures(self) -> FigureLog:
        from tagship.adapters.aws.figures import CloudWatchLog
        from tagship.domain.dashboard import log_group

        return CloudWatchLog(self.aws, log_group(self.settings.app))

    def state_store(self, environment: str) -> Store:
        from tagship.adapters.aws.s3 import S3Store

        return S3Store(self.aws, self.settings.state(environment)[0])

    @property
    def report_site(self) -> Site:
        from tagship.adapters.aws.site import AwsSite

        return AwsSite(self.aws, self.settings.report.bucket, self.settings.report.prefix)

    def site(self, environment: str, static_set: str) -> Site:
        from tagship.adapters.aws.site import AwsSite

        place = self.settings.static[static_set].environments[environment]
        return AwsSite(self.aws, place.bucket, place.prefix, place.distribution)
