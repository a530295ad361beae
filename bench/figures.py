"""Measured samples by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Samples:
    """All values of one quantity, in the order in which they were measured."""

    unit: str
    values: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """With median, minimum and maximum."""
        return {
            "unit": self.unit,
            "median": median(self.values),
            "min": min(self.values),
            "max": max(self.values),
            "values": self.values,
        }


class Figures:
    """Samples by name; names have parts, as in ``start/clone``."""

    def __init__(self) -> None:
        self._samples: dict[str, Samples] = {}

    def add(self, name: str, value: float, unit: str) -> None:
        """Keep one sample; all of a name have the same unit."""
        samples = self._samples.setdefault(name, Samples(unit))
        if samples.unit != unit:
            raise ValueError(f"{name} is measured in {samples.unit}, not in {unit}")
        samples.values.append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._samples

    def values(self, name: str) -> list[float]:
        """All values of a name; empty when none was measured."""
        return list(self._samples[name].values) if name in self._samples else []

    def count(self, name: str) -> int:
        """How many there are."""
        return len(self.values(name))

    def median(self, name: str) -> float:
        """The median of a name that was measured."""
        return median(self._samples[name].values)

    def to_json(self) -> Mapping[str, object]:
        """All of them, by name."""
        return {name: samples.to_json() for name, samples in sorted(self._samples.items())}
