"""Paperwork that nobody waits for, done while the next guest runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from powerdown.core.errors import PowerdownError
from powerdown.report.json_object import ReportFormatError


class BackgroundWriter:
    """Does jobs one after the other in a thread of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clerk")
        self._jobs: list[Future[object]] = []

    def do(self, job: Callable[[], object]) -> None:
        """Have a job done; what fails in it is told by :meth:`finish`."""
        self._jobs.append(self._thread.submit(job))

    def finish(self) -> None:
        """Wait until all jobs are done; there can be no more then. May be called twice.

        :raise ReportFormatError: one of them failed; the others are done all the same. Notes of
            the error tell what else failed.
        """
        self._thread.shutdown()
        jobs, self._jobs = self._jobs, []
        failures = [error for job in jobs if (error := job.exception()) is not None]
        if not failures:
            return
        first, *others = failures
        told = first if isinstance(first, PowerdownError) else _as_report_error(first)
        for error in others:
            told.add_note(f"failed besides: {type(error).__name__}: {error}")
        raise told from (None if told is first else first)


def _as_report_error(error: BaseException) -> ReportFormatError:
    return ReportFormatError(
        "write the report of a stage",
        f"{type(error).__name__}: {error}",
        "Make room in the reports directory; otherwise this is a fault in Powerdown.",
    )
