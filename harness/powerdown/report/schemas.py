"""The schemas of the JSON documents and of image definitions, generated from their types.

``python -m powerdown.report.schemas`` writes them beside this module, as ``NAME.schema.json``.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from powerdown.images.definition_tables import DefinitionTables
from powerdown.report.confusion_json import ConfusionJson
from powerdown.report.diagnose_json import ForecastJson, PressJson
from powerdown.report.document import Json
from powerdown.report.gate_result import GateJson
from powerdown.report.history_json import HistoryJson
from powerdown.report.inspect_json import InspectionJson

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DOCUMENTS: dict[str, tuple[str, *tuple[type[msgspec.Struct], ...]]] = {
    "gate": ("Powerdown gate result", GateJson),
    "confusion": ("Powerdown confusion matrix", ConfusionJson),
    "inspect": ("Powerdown inspection", InspectionJson),
    "history": ("Powerdown history", HistoryJson),
    "image": ("Powerdown image definition", DefinitionTables),
    "diagnose": ("Powerdown diagnosis", ForecastJson, PressJson),
}

_OPEN = ("Cause", "Source")
"""Enumerations that grow with every scenario: a reader must not refuse a word that it does not
know."""


def schemas() -> dict[str, Json]:
    """The schema of each document, by its name."""
    return {name: _schema(title, *kinds) for name, (title, *kinds) in _DOCUMENTS.items()}


def schema_text(schema: Json) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_path(name: str) -> Path:
    """The file of a schema."""
    return Path(__file__).with_name(f"{name}.schema.json")


def _schema(title: str, *kinds: type[msgspec.Struct]) -> Json:
    found, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    schema = found[0] if len(found) == 1 else {"oneOf": list(found)}
    for name in _OPEN:
        if name in parts:
            parts[name] = {
                "title": name,
                "type": "string",
                "pattern": "^[a-z][a-z0-9-]*$",
                "examples": parts[name]["enum"],
            }
    return {"$schema": _DIALECT, "title": title, **schema, "$defs": parts}


if __name__ == "__main__":
    for written, schema in schemas().items():
        schema_path(written).write_text(schema_text(schema), encoding="utf-8")
