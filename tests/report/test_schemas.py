"""The schemas beside the package are those of the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from powerdown.core.outcome import Outcome
from powerdown.diagnosis.verdict import Confidence
from powerdown.report.schemas import schema_path, schema_text, schemas
from powerdown.windows.facts.fact import FactStatus

SCHEMAS = schemas()


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object of a schema that describes an object."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_file_is_what_the_code_says(name: str) -> None:
    written = schema_path(name).read_text()
    assert written == schema_text(SCHEMAS[name]), "make it: python -m powerdown.report.schemas"


def test_no_file_is_left_of_a_document_that_is_gone() -> None:
    files = schema_path("x").parent.glob("*.schema.json")
    assert {path.name for path in files} == {f"{name}.schema.json" for name in SCHEMAS}


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_a_schema_in_which_every_object_is_closed_and_complete(name: str) -> None:
    schema = json.loads(schema_text(SCHEMAS[name]))
    Draft202012Validator.check_schema(schema)
    closed = [each for each in objects(schema) if "properties" in each]
    assert closed
    for each in closed:
        assert each["additionalProperties"] is False
        if name != "image":
            assert each["required"] == list(each["properties"])
        assert each.get("description"), each["title"]


def test_enumerations_are_those_of_the_code() -> None:
    defs: Any = SCHEMAS["gate"]["$defs"]
    assert sorted(defs["Outcome"]["enum"]) == sorted(map(str, Outcome))
    assert sorted(defs["Confidence"]["enum"]) == sorted(map(str, Confidence))
    status = defs["FactJson"]["properties"]["status"]["$ref"].rpartition("/")[2]
    assert sorted(defs[status]["enum"]) == sorted(map(str, FactStatus))
