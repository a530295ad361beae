"""The schemas beside the package are those of the code, and describe what it writes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from powerdown.core.outcome import Outcome
from powerdown.diagnosis.verdict import Confidence
from powerdown.report.schemas import schema_path, schema_text, schemas
from powerdown.windows.facts.fact import FactStatus
from tests.support.document_examples import DOCUMENTS
from tests.support.paths import REPOSITORY
from tests.support.schema_check import faults

SCHEMAS = schemas()
WRITTEN = Path(__file__).parent / "documents"


def schema_of(document: str) -> dict[str, Any]:
    """The schema of one of ``DOCUMENTS``."""
    schema: dict[str, Any] = json.loads(schema_text(SCHEMAS[document.split("-")[0]]))
    return schema


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


@pytest.mark.parametrize("name", SCHEMAS)
def test_descriptions_are_plain_text(name: str) -> None:
    text = schema_text(SCHEMAS[name])
    assert "``" not in text
    assert "\\n" not in text


def test_the_docstring_of_a_field_is_its_description() -> None:
    stage: Any = SCHEMAS["gate"]["$defs"]["StageJson"]["properties"]  # type: ignore[index]
    assert stage["diagnosed"]["description"] == "The verdict reached; null without one."
    assert stage["phases"]["$ref"] == "#/$defs/PhasesJson"
    assert stage["phases"]["description"].startswith("Seconds of each step")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_written_as_ever(name: str) -> None:
    # Key by key, in that order. A new key belongs into that file too.
    text = json.dumps(DOCUMENTS[name], indent=2, ensure_ascii=False, allow_nan=False)
    assert f"{text}\n" == (WRITTEN / f"{name}.json").read_text()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_what_its_schema_describes(name: str) -> None:
    document = json.loads(json.dumps(DOCUMENTS[name]))
    assert faults(document, schema_of(name)) == []
    for key in document:
        assert faults({k: v for k, v in document.items() if k != key}, schema_of(name))
    assert faults({**document, "another": 1}, schema_of(name))


def test_the_stand_in_is_what_the_schema_of_definitions_describes() -> None:
    path = REPOSITORY / "fixtures" / "images" / "standin.toml"
    definition = tomllib.loads(path.read_text())
    assert faults(definition, schema_of("image")) == []
    for spoilt in (
        {**definition, "name": "a b"},
        {**definition, "name": "a\n"},
        {**definition, "budgets": {"boot": 0}},
        {**definition, "machine": {**definition["machine"], "vcpus": 256}},
        {**definition, "updates": {"package": "relative.cab"}},
    ):
        assert faults(spoilt, schema_of("image"))
