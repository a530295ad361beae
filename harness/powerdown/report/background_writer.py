"""Reports written in the background, while the next guest runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from powerdown.core.errors import PowerdownError
from powerdown.report.document import ReportFormatError


class BackgroundWriter:
    """Runs jobs one after the other in a thread of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="background-writer")
        self._jobs: list[Future[object]] = []

    def submit(self, job: Callable[[], object]) -> None:
        """Have a job run; :meth:`close` raises what it raises."""
        self._jobs.append(self._thread.submit(job))

    def close(self) -> None:
        """Wait for all jobs and accept no more. May be called again.

        :raise ReportFormatError: a job failed; the others ran nevertheless. The notes of the error
            name what else failed.
        """
        self._thread.shutdown()
        jobs, self._jobs = self._jobs, []
        failures = [failure for job in jobs if (failure := job.exception()) is not None]
        if not failures:
            return
        first, *others = failures
        error = first if isinstance(first, PowerdownError) else _as_report_error(first)
        for other in others:
            error.add_note(f"also failed: {type(other).__name__}: {other}")
        raise error from (None if error is first else first)


def _as_report_error(error: BaseException) -> ReportFormatError:
    return ReportFormatError(
        "write the report of a stage",
        f"{type(error).__name__}: {error}",
        "Check the free space of the reports directory; if that is not it, please report this bug.",
    )
