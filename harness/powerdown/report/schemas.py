"""The schemas of the JSON documents and of image definitions, generated from their types.

Descriptions are the docstrings of the types and of their fields.
``python -m powerdown.report.schemas`` writes the schemas beside this module, as
``NAME.schema.json``.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import get_args

import msgspec
from msgspec.structs import fields

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
    for struct in {struct for kind in kinds for struct in _structs(kind)}:
        properties = parts[struct.__name__]["properties"]
        for key, text in _field_docs(struct):
            properties[key] = {"description": text, **properties[key]}
    for part in (*parts.values(), *(p for each in parts.values() for p in _properties(each))):
        if "description" in part:
            part["description"] = " ".join(part["description"].split()).replace("``", "")
    return {"$schema": _DIALECT, "title": title, **schema, "$defs": parts}


def _properties(part: Json) -> Iterator[Json]:
    properties = part.get("properties")
    if isinstance(properties, dict):
        yield from properties.values()


def _structs(kind: object) -> Iterator[type[msgspec.Struct]]:
    """The structs that a type consists of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for field in fields(kind):
            yield from _structs(field.type)
    for part in get_args(kind):
        yield from _structs(part)


def _field_docs(struct: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """The docstring below each field that has one, by the key of the field."""
    keys = dict(zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True))
    (body,) = ast.parse(inspect.getsource(struct)).body
    assert isinstance(body, ast.ClassDef)
    for pair in pairwise(body.body):
        match pair:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield keys[name], text


if __name__ == "__main__":
    for written, schema in schemas().items():
        schema_path(written).write_text(schema_text(schema), encoding="utf-8")
