"""One stage of a scenario as Allure steps: the verdict, the phases, the attachments.

Active only with ``--alluredir`` of allure-pytest; otherwise nothing is done.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import allure
import allure_commons
from allure_commons.model2 import ExecutableItem
from allure_commons.model2 import Status as AllureStatus
from allure_commons.types import AttachmentType

from powerdown.core.deadline import now
from powerdown.core.text import one_line
from powerdown.diagnosis.verdict import Verdict
from powerdown.report.verdict_text import unsettled_lines
from powerdown.shutdown.timeline import Phase, Step, Timeline

_TYPES = {
    ".png": AttachmentType.PNG,
    ".json": AttachmentType.JSON,
    ".xml": AttachmentType.XML,
    ".txt": AttachmentType.TEXT,
    ".log": AttachmentType.TEXT,
}


def report_stage(
    name: str,
    timeline: Timeline,
    verdict: Verdict,
    attachments: Sequence[tuple[Path, str]] = (),
    promised: Sequence[tuple[Path, str]] = (),
) -> Callable[[], None]:
    """Add a stage to the Allure result of the running test.

    The steps carry the times at which they happened, not the time of this call. A step of the
    shutdown whose end was not observed is shown as broken, one that was not reached as skipped;
    neither changes the status of the test.

    :param name: what was done, such as ``press``.
    :param attachments: files and their labels; a missing file is attached as a note that says so.
    :param promised: likewise files that are written later; they are attached empty for now.
    :return: fills in the promised files; call it, from any thread, once they are written.
    """
    if not _listening():
        return lambda: None
    places: dict[Path, str] = {}
    clock = _WallClock()
    whole = f"{name}: {verdict}"
    with _past_step(whole, clock, timeline.origin, timeline.end) as made:
        phases = {phase.step: phase for phase in timeline.phases}
        for number, step in enumerate(Step, start=1):
            _report_phase(f"{number} {step}", phases.get(step), timeline, clock)
        _report_verdict(verdict, timeline, clock)
        for path, label in promised:
            place = _promise(path, label, made)
            if place is not None:
                places[path] = place
        for path, label in attachments:
            _attach(path, label)
    return lambda: _fill(places)


def _report_phase(title: str, phase: Phase | None, timeline: Timeline, clock: _WallClock) -> None:
    if phase is None:
        end = timeline.end
        with _past_step(f"{title}: not reached", clock, end, end, AllureStatus.SKIPPED):
            pass
        return
    seconds = phase.duration
    ended = "end not observed" if seconds is None else f"{seconds:.3f} s"
    end = timeline.end if phase.end is None else phase.end
    status = AllureStatus.BROKEN if phase.end is None else AllureStatus.PASSED
    with _past_step(f"{title}: {ended}", clock, phase.start, end, status):
        for line in phase.evidence:
            with _past_step(line, clock, end, end):
                pass


def _report_verdict(verdict: Verdict, timeline: Timeline, clock: _WallClock) -> None:
    end = timeline.end
    with _past_step(f"verdict: {verdict}", clock, end, end):
        for evidence in verdict.evidence:
            at = end if evidence.at is None else evidence.at
            since = "" if evidence.at is None else f" ({evidence.at - timeline.origin:+.3f} s)"
            title = f"{evidence.source}{since}: {evidence.fact} [{evidence.raw}]"
            with _past_step(title, clock, at, at):
                pass
        for cause, fact in verdict.ruled_out:
            with _past_step(f"ruled out: {cause}: {fact}", clock, end, end):
                pass
        for cause, fact in verdict.also_seen:
            with _past_step(f"also seen: {cause}: {fact}", clock, end, end):
                pass
        for line in unsettled_lines(verdict):
            with _past_step(line, clock, end, end):
                pass
        if verdict.remedy:
            with _past_step(f"remedy: {verdict.remedy}", clock, end, end):
                pass


def _attach(path: Path, label: str) -> None:
    if not path.is_file():
        allure.attach(f"{path.name} was not written", label, AttachmentType.TEXT)
        return
    kind = _TYPES.get(path.suffix.lower(), AttachmentType.TEXT)
    allure.attach.file(str(path), label, kind)  # type: ignore[no-untyped-call]


def _promise(path: Path, label: str, step: ExecutableItem | None) -> str | None:
    """Attach an empty file for now; the name under which Allure stores it."""
    if step is None:
        allure.attach(f"see {path.name} in the reports directory", label, AttachmentType.TEXT)
        return None
    allure.attach(b"", label, _TYPES.get(path.suffix.lower(), AttachmentType.TEXT))
    return str(step.attachments[-1].source)


def _fill(places: Mapping[Path, str]) -> None:
    """Replace the empty attachments by the files."""
    hook = allure_commons.plugin_manager.hook
    for path, place in places.items():
        if path.is_file():
            hook.report_attached_file(source=str(path), file_name=place)


class _WallClock:
    """Turns times of the host-monotonic clock into Allure's: milliseconds since 1970."""

    def __init__(self) -> None:
        self._behind = time.time() - now()

    def milliseconds(self, at: float) -> int:
        return round(((at if math.isfinite(at) else now()) + self._behind) * 1000)


def _listening() -> bool:
    hooks = allure_commons.plugin_manager.hook
    return bool(hooks.start_step.get_hookimpls())


@contextmanager
def _past_step(
    title: str, clock: _WallClock, start: float, end: float, status: str = AllureStatus.PASSED
) -> Iterator[ExecutableItem | None]:
    """An Allure step in the past; yields the step if it can be reached.

    ``allure.step`` always stamps the current time. The step stays reachable in the reporter of
    allure-pytest, where its times and status are corrected afterwards. Should a later version
    keep it elsewhere, the steps remain, with the time of the report.
    """
    # Text from a guest may be long and hold anything; a title is one short line.
    step = allure.step(one_line(title, 500))
    with step:
        made = _item(step.uuid)
        yield made
    if made is not None:
        made.start, made.stop = clock.milliseconds(start), clock.milliseconds(max(start, end))
        made.status = status


def _item(uuid: str) -> ExecutableItem | None:
    for plugin in allure_commons.plugin_manager.get_plugins():
        reporter = getattr(plugin, "allure_logger", None)
        item = reporter.get_item(uuid) if reporter is not None else None
        if isinstance(item, ExecutableItem):
            return item
    return None
