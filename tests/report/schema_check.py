"""Just enough of JSON Schema to hold a document against ``gate.schema.json``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
_KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "type", "enum", "const", "pattern",
    "minimum", "required", "properties", "additionalProperties", "items",
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> list[str]:
    """What is wrong with ``value``, one line each.

    :raise AssertionError: the schema uses a keyword that is not checked here.
    """
    return list(_faults(value, schema, root, at))


def _faults(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    unknown = set(schema) - _KNOWN
    assert not unknown, f"the check knows nothing of {unknown}"
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        yield from _faults(value, target, root, at)
    if "type" in schema and not any(_is(value, name) for name in _names(schema["type"])):
        yield f"{at}: not of type {schema['type']}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{at}: not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: not one of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{at}: does not match {schema['pattern']}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{at}: less than {schema['minimum']}"
    if isinstance(value, dict):
        yield from _object_faults(value, schema, root, at)
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _faults(one, schema.get("items", {}), root, f"{at}[{index}]")


def _object_faults(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> Iterator[str]:
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{at}: {key} is missing"
    rest = schema.get("additionalProperties", {})
    for key, one in value.items():
        wanted = schema.get("properties", {}).get(key, rest)
        if wanted is False:
            yield f"{at}: {key} does not belong"
        else:
            yield from _faults(one, wanted, root, f"{at}.{key}")


def _names(named: str | list[str]) -> list[str]:
    return [named] if isinstance(named, str) else named


def _is(value: object, name: str) -> bool:
    if isinstance(value, bool) and name in {"integer", "number"}:
        return False
    return isinstance(value, _TYPES[name])
