"""What a test contributes to the result of a run."""

from __future__ import annotations

import re

import pytest

from powerdown.core.errors import HostFault
from powerdown.images.image import Image
from powerdown.machine.backend import Backend
from powerdown.pytest_plugin.backends import backends
from powerdown.pytest_plugin.names import BACKEND, DEFINITION
from powerdown.pytest_plugin.scenario_mark import ScenarioMark
from powerdown.pytest_plugin.selected_images import image_names
from powerdown.report.scenario_record import ScenarioRecord, Status
from powerdown.scenario.scenario import Scenario

_scenario_key = pytest.StashKey[Scenario]()


def keep_scenario(item: pytest.Item, scenario: Scenario) -> None:
    """Note which scenario a test carries out."""
    item.stash[_scenario_key] = scenario


def item_record(
    item: pytest.Item, mark: ScenarioMark, status: Status, message: str
) -> ScenarioRecord:
    """The record of a test as it stands.

    :param message: why it failed or was skipped; empty if it was neither.
    """
    scenario = item.stash.get(_scenario_key, None)
    return ScenarioRecord(
        image=_image_name(item),
        scenario=mark.id,
        variant=mark.variant,
        test_id=item.nodeid,
        status=status,
        stages=scenario.stages if scenario is not None else (),
        message=message,
        backend=_backend(item),
    )


def status_of(
    report: pytest.TestReport, failure: pytest.ExceptionInfo[BaseException] | None
) -> Status | None:
    """What this phase decides about the test; ``None`` when it decides nothing."""
    if report.skipped:
        return Status.SKIPPED
    if failure is not None and failure.errisinstance(HostFault):
        # It says nothing of the image.
        return Status.ERROR
    if report.when == "call":
        return Status.PASSED if report.passed else Status.FAILED
    return Status.ERROR if report.failed else None


def message_of(report: pytest.TestReport) -> str:
    """Why a test failed or was skipped; empty if it was neither."""
    if report.skipped and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    if report.passed:
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = report.longreprtext if crash is None else str(crash.message)
    return re.sub(r"^(Failed|[\w.]+\.UnexpectedVerdict): ", "", text)


def _image_name(item: pytest.Item) -> str:
    """The image's name; its definition's, when the image could not be prepared."""
    image = getattr(item, "funcargs", {}).get("powerdown_image")
    if isinstance(image, Image):
        return image.name
    callspec = getattr(item, "callspec", None)
    definition = callspec.params.get(DEFINITION) if callspec else None
    return "" if definition is None else image_names(item.config).get(definition, "")


def _backend(item: pytest.Item) -> Backend:
    callspec = getattr(item, "callspec", None)
    return Backend((callspec.params if callspec else {}).get(BACKEND, backends(item.config)[0]))
