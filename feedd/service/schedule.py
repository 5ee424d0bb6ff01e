"""Schedule: moments → the inbox.

In: how often or when everything is to be looked at, and the next moment at which time alone changes something. Out: a
wish for a scan, or a call to look at the clock, posted to the inbox when it is time. What there is to do then is found
out by the loop.

Every moment is one date job of APScheduler, whose thread sleeps until the first of them. It does not see that the clock
was set: after a step forward it would sleep on, after a step backward a span would last as much longer. So the loop
calls `check` at every turn, which sees it and sets all jobs anew.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from feedd.cron import Cron
from feedd.service.inbox import Inbox

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

STEP = 1.0
"""Seconds by which the clock must be off to count as set; below, it is only being corrected."""

_LATEST = 253370764800  # the year 9999, in which the calendar ends

_Job = Literal["rescan", "due", "retry"]


class Schedule:
    """Posts `scan` to the inbox every `rescan` seconds, or at the moments of a schedule as in cron in the time zone
    `zone`, and wakes it when something is `due` or to be tried again. Moments are seconds since the epoch by `time`;
    by `monotonic` it is seen that this was set. Raises ValueError for a schedule that makes no sense.
    """

    def __init__(
        self,
        inbox: Inbox,
        rescan: float | str,
        zone: str,
        *,
        time: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inbox, self._time, self._monotonic = inbox, time, monotonic
        self._rescan: float | Cron = Cron(rescan, zone) if isinstance(rescan, str) else rescan
        self._moments: dict[_Job, float | None] = {"rescan": None, "due": None, "retry": None}
        self._ahead = self._lead()
        self._scanned = False
        self._scheduler: BackgroundScheduler | None = None

    def start(self) -> None:
        """Post from now on."""
        # Late: takes 70 ms to import. Its debug executor runs jobs in the thread of the scheduler: they only post.
        from apscheduler.executors.debug import DebugExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        jobs = {"misfire_grace_time": None, "coalesce": True}
        self._scheduler = BackgroundScheduler(executors={"default": DebugExecutor()}, job_defaults=jobs, timezone=UTC)
        self._scheduler.start()
        self._moments["rescan"] = self._next_scan()
        self._set_all()

    def due(self, moment: int | None) -> None:
        """Wake the loop at this moment and at no earlier one, once; None: not at all."""
        self._change("due", moment)

    def retry(self, moment: float | None) -> None:
        """The same for what failed, and is tried again so much later however the clock is set."""
        self._change("retry", moment)

    def check(self) -> None:
        """See whether the clock was set, and let the next scan follow the one that was posted."""
        step = self._lead() - self._ahead
        if abs(step) > STEP:
            self._ahead += step
            self._shift(step)
            self._set_all()
            self._inbox.wake()
        if self._scanned:
            self._scanned = False
            self._change("rescan", self._next_scan())

    def close(self) -> None:
        """Post no more."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler:
            scheduler.shutdown(wait=False)

    def _lead(self) -> float:
        """How far the clock is ahead of the one that cannot be set."""
        return self._time() - self._monotonic()

    def _next_scan(self) -> float | None:
        now = self._time()
        return self._rescan.next(int(now)) if isinstance(self._rescan, Cron) else now + self._rescan

    def _shift(self, step: float) -> None:
        """Move along with the clock what is so many seconds away, whatever it shows then."""
        retry, scan = self._moments["retry"], self._moments["rescan"]
        self._moments["retry"] = None if retry is None else retry + step
        self._moments["rescan"] = self._next_scan() if scan is None or isinstance(self._rescan, Cron) else scan + step

    def _change(self, job: _Job, moment: float | None) -> None:
        if moment != self._moments[job]:  # what has passed posts once
            self._moments[job] = moment
            self._set(job)

    def _set_all(self) -> None:
        for job in self._moments:
            self._set(job)

    def _set(self, job: _Job) -> None:
        """Let the scheduler know of the moment of a job."""
        if self._scheduler is None:
            return
        from apscheduler.jobstores.base import JobLookupError
        from apscheduler.triggers.date import DateTrigger

        moment = self._moments[job]
        if moment is None:
            with suppress(JobLookupError):
                self._scheduler.remove_job(job)
        else:
            trigger = DateTrigger(datetime.fromtimestamp(min(moment, _LATEST), UTC), UTC)
            post = self._post_scan if job == "rescan" else self._inbox.wake
            self._scheduler.add_job(post, trigger, id=job, replace_existing=True)

    def _post_scan(self) -> None:
        self._scanned = True
        self._inbox.scan("schedule")
