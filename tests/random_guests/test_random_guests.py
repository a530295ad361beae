"""Random guests: the diagnosis compared with what the documented rules imply.

The seed and the number of a guest make it again: ``--random-seed S`` with the same number.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from powerdown import OpenScenario
from powerdown.core.deadline import now
from powerdown.images.image import Image

from .again import keep
from .apply import ask, bring, start
from .compare import compare, told
from .conftest import RECORD
from .draw import draw


@pytest.mark.guest
def test_verdict_is_what_the_documented_rules_imply(
    guest_number: int,
    random_seed: int,
    powerdown_image: Image,
    powerdown_open_scenario: OpenScenario,
    kept_observations: Path | None,
    record_property: Callable[[str, object], None],
) -> None:
    began, title = now(), f"random {random_seed} {guest_number}"
    guest = draw(guest_number, random_seed, powerdown_image)
    with powerdown_open_scenario(powerdown_image, title) as scenario:
        target = start(scenario, guest)
        bring(target, guest)
        brought = now()
        obs = ask(target, guest)
    if kept_observations is not None:
        keep(kept_observations, guest, obs)
    record = compare(guest, obs)
    record["seconds"] = {"in all": round(now() - began, 1), "to bring": round(brought - began, 1)}
    record_property(RECORD, record)
    if not record["accepted"]:
        pytest.fail(told(record), pytrace=False)
