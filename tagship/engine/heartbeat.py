"""A lease's heartbeat: a thread of its own renews it, whatever the session does and however long that takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from tagship.domain.lease import LeaseRecord, beat_every
from tagship.errors import LeaseLost, ServiceFailed
from tagship.ports.bucket import Leases

STOP_WITHIN = 3.0  # seconds that a beat under way may take to end: a cancelled CI job has not many more to live


class Heartbeat:
    """Beats from `start` to `stop`.

    What it finds out (the lease is lost) is raised by `check` and by `renew`.
    An outage of the bucket is borne for as long as the lease lives without a beat. Time is counted from when a beat
    that succeeded was sent, on this machine's own count of seconds: no clock that somebody sets.
    """

    def __init__(self, leases: Leases, record: LeaseRecord, period: float = 0) -> None:
        self._leases = leases
        self._record = record
        self._period = period or beat_every(record.ttl)
        self._phase, self._operations = record.phase, tuple(record.operations)
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._trouble: Exception | None = None
        self._alive = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat of {record.environment}", daemon=True)

    @property
    def record(self) -> LeaseRecord:
        """Return the lease as it was written last."""
        return self._record

    def start(self) -> None:
        self._thread.start()

    def stop(self, within: float = STOP_WITHIN) -> None:
        """Stop: no beat begins after this.

        One under way is waited for, a little: giving the lease back stands it anyway.
        """
        self._stopped.set()
        self._thread.join(within)

    def say(self, phase: str) -> None:
        """Set the phase that the next beat writes."""
        self._phase = phase

    def renew(self, phase: str, operations: Sequence[str] = ()) -> None:
        """Beat now, before an action.

        Raises LeaseLost if the lease is another's, ServiceFailed if it cannot be renewed.
        """
        with self._writing:
            self._phase, self._operations = phase, tuple(operations)
            self._beat()

    def check(self) -> None:
        """Raise what a beat met.

        LeaseLost, or ServiceFailed once the lease must be taken as expired.
        """
        if self._trouble:
            raise self._trouble

    def _run(self) -> None:
        while not self._stopped.wait(self._period):
            try:
                with self._writing:
                    if self._stopped.is_set():
                        return
                    self._beat()
            except LeaseLost as reason:
                self._trouble = reason
                return
            except ServiceFailed as reason:
                self._trouble = reason if time.monotonic() - self._alive >= self._record.ttl else None
            except Exception as defect:
                self._trouble = defect
                return

    def _beat(self) -> None:
        sent = time.monotonic()
        self._record = self._leases.renew(self._record, phase=self._phase, operations=self._operations)
        self._alive, self._trouble = sent, None
