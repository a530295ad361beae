"""One guest's verdicts beside what is right, as a record for the report."""

from __future__ import annotations

import json
from typing import Any

from powerdown.diagnosis.diagnose import diagnose
from powerdown.diagnosis.verdict import Verdict
from powerdown.report.verdict_json import verdict_to_json
from powerdown.shutdown.observation import Observation

from .configuration import Configuration
from .judgement import Judgement, accepted, accepted_from_outside, judge
from .oracle import Right, right


def compare(guest: Configuration, obs: Observation) -> dict[str, Any]:
    """Diagnose what was seen, with and without the inside, and judge both; plain JSON."""
    off = obs.event("SHUTDOWN")
    took = None if off is None else off.at - obs.commanded_at
    expected = right(guest, obs.budgets)
    full, outside = diagnose(obs), diagnose(obs.from_outside())
    full_judgement, outside_judgement = (judge(expected, v, took) for v in (full, outside))
    record = {
        "guest": guest.to_json(),
        "deviations": guest.deviations,
        "right": _right_to_json(expected),
        "full": _found(full, full_judgement),
        "outside": _found(outside, outside_judgement),
        "accepted": accepted(expected, full_judgement) and accepted_from_outside(outside_judgement),
        "power_off_after": None if took is None else round(took, 2),
        "watched": round(obs.watched, 2),
        "control": str(obs.control),
        "records": [str(entry) for entry in obs.records or ()],
        "notes": list(obs.notes),
    }
    plain: dict[str, Any] = json.loads(json.dumps(record))
    return plain


def told(record: dict[str, Any]) -> str:
    """A record for a person."""
    guest = record["guest"]
    rest = {key: value for key, value in record.items() if key != "guest"}
    return f"guest {guest['number']} of seed {guest['seed']}: {json.dumps(rest, indent=1)}"


def _found(verdict: Verdict, judgement: Judgement) -> dict[str, Any]:
    return {"judgement": str(judgement), "verdict": verdict_to_json(verdict)}


def _right_to_json(expected: Right) -> dict[str, Any]:
    return {
        "verdicts": sorted(str(verdict) for verdict in expected.verdicts),
        # JSON has no infinity.
        "seconds": [str(expected.seconds.least), str(expected.seconds.most)],
        "left_open": expected.left_open,
        "unknowable": expected.unknowable,
        "facts": expected.facts,
    }
