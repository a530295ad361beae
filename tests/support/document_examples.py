"""One example of each JSON document, made by the code under test."""

from __future__ import annotations

from dataclasses import replace

from powerdown.core.outcome import Cause, Outcome
from powerdown.core.severity import Severity
from powerdown.diagnosis.cost_of_cut import Basis, Loss
from powerdown.diagnosis.forecast import Forecast, GuestState
from powerdown.diagnosis.risks.risk import Risk
from powerdown.disk.inspection import Inspection
from powerdown.disk.settings.finding import Finding
from powerdown.machine.backend import Backend
from powerdown.report.confusion import Confusion
from powerdown.report.diagnose_json import StepJson, forced_json, forecast_to_json, press_to_json
from powerdown.report.disagreement import disagreements
from powerdown.report.history_json import history_to_json
from powerdown.report.inspect_json import Kind, inspection_to_json
from powerdown.shutdown.timeline import Step
from powerdown.windows.facts.fact import Fact, FactStatus
from powerdown.windows.settings.readings import Group, Origin, Reading, Readings
from tests.support.power_log import history_of
from tests.support.report_examples import CONTROL, GATE, IGNORED

_BROKEN = "broken \udcff\x00 text, é"

_SEEN_DIFFERENTLY = replace(
    CONTROL,
    backend=Backend.LIBVIRT,
    stages=(replace(CONTROL.stages[0], diagnosed=IGNORED),),
)
_GATE = replace(GATE, disagreements=disagreements([CONTROL, _SEEN_DIFFERENTLY]))

_FACT = Fact(
    "button-hand-over", "A button set to nothing ignores a press.", FactStatus.UNCONFIRMED, ()
)
_RISK = Risk(
    Cause.POWER_BUTTON_IGNORED,
    Severity.STOPS,
    _BROKEN,
    IGNORED.evidence,
    "Set the button.",
    rests_on=(_FACT,),
)
_BUTTON = Reading(
    "power-button-ac",
    Group.BUTTON,
    "Power button",
    0,
    "nothing",
    Origin.SCHEME_DEFAULT,
    key=r"HKLM\SYSTEM",
    value_name=_BROKEN,
    raw="0x0",
    facts=(_FACT,),
    note=_BROKEN,
)
_BARE = Reading("fast-startup", Group.SLEEP, "HiberbootEnabled", None, "unknown", Origin.NOT_READ)
_INSPECTION = Inspection(Readings([_BUTTON, _BARE]), (Finding(_RISK, (_BUTTON,)),), (_BROKEN,))
_FORECAST = Forecast(
    GuestState.READY, Outcome.STAYED_UP, _BROKEN, (_RISK,), IGNORED.evidence, (_BROKEN,)
)
_STEPS = (
    StepJson(Step.COMMAND, "done", 0.004, "QMP system_powerdown"),
    StepJson(Step.ACPI, "not seen", None, ""),
)
_HISTORY = history_of("12 6005 42 107 10001 1074 6006 109 13 41code")
_LOSSES = (Loss(Basis.SEEN, _BROKEN, "process"), Loss(Basis.NOT_SEEN, "files", ""))

DOCUMENTS = {
    "gate": _GATE.to_json(),
    "confusion": Confusion.of(_GATE.scenarios).to_json(),
    "inspect": inspection_to_json(Kind.DISK, _BROKEN, _INSPECTION, Severity.STOPS, "1.2.3"),
    "history": history_to_json(_BROKEN, _HISTORY, "1"),
    "diagnose": forecast_to_json("win11", _FORECAST),
    "diagnose-press": press_to_json("win11", IGNORED, _STEPS, forced_json(25.12345, _LOSSES)),
}
"""By the name of the schema that describes each, or with something added to it."""
