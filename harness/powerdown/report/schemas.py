"""The schemas of the JSON documents, generated from their types.

``python -m powerdown.report.schemas`` writes them beside this module, as ``NAME.schema.json``.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from powerdown.report.confusion_json import ConfusionJson
from powerdown.report.diagnose_json import ForecastJson, PressJson
from powerdown.report.document import Json
from powerdown.report.gate_result import GateJson
from powerdown.report.history_json import HistoryJson
from powerdown.report.inspect_json import InspectionJson

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DOCUMENTS = {
    "gate": ("Powerdown gate result", GateJson),
    "confusion": ("Powerdown confusion matrix", ConfusionJson),
    "inspect": ("Powerdown inspection", InspectionJson),
    "history": ("Powerdown history", HistoryJson),
    "diagnose": ("Powerdown diagnosis", ForecastJson | PressJson),
}

_OPEN = ("Cause", "Source")
"""Enumerations that grow with every scenario: a reader must not refuse a word that it does not
know."""
