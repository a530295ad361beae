"""One line of the result: a figure, what it is compared with, and its limit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure.

    :param benchmark: number of the benchmark, 1 to 7.
    :param what: what was measured, a few words.
    :param value: the figure, a median where there are several samples.
    :param unit: of ``value``.
    :param samples: how many it comes from.
    :param ratio: ``value`` in relation to something else that was measured in the same run.
    :param to: what that is.
    :param limit: what ``ratio``, or without one ``value``, may be at most.
    """

    benchmark: int
    what: str
    value: float
    unit: str
    samples: int
    ratio: float | None = None
    to: str = ""
    limit: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether it keeps to its limit; ``None`` without one."""
        if self.limit is None:
            return None
        return (self.value if self.ratio is None else self.ratio) <= self.limit

    def to_json(self) -> dict[str, object]:
        """As written to the result."""
        return {**self.__dict__, "reached": self.reached}
