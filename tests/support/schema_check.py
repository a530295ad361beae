"""Holding a document against ``gate.schema.json``."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator


def faults(value: Any, schema: dict[str, Any]) -> list[str]:
    """What is wrong with ``value``, one line each."""
    Draft202012Validator.check_schema(schema)
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(value)
    ]
