"""Benchmark 7 measures the plugin of this environment."""

from __future__ import annotations

from bench.figures import Figures
from bench.plugin_start import measure_plugin_start, plugin_rows


def test_the_part_of_the_plugin_is_the_median_of_the_differences() -> None:
    figures = Figures()
    for with_it, without in [(0.30, 0.29), (0.50, 0.20), (0.31, 0.30)]:
        figures.add("plugin/with", with_it, "s")
        figures.add("plugin/without", without, "s")
        figures.add("plugin/cost", 1000 * (with_it - without), "ms")
    without_row, with_row, part = plugin_rows(figures)
    assert (without_row.value, with_row.value) == (0.29, 0.31)
    assert round(part.value) == 10
    assert part.reached is True


def test_a_heavy_plugin_breaks_the_limit() -> None:
    figures = Figures()
    figures.add("plugin/with", 0.65, "s")
    figures.add("plugin/without", 0.29, "s")
    figures.add("plugin/cost", 360, "ms")
    assert plugin_rows(figures)[-1].reached is False


def test_every_round_is_a_pair() -> None:
    figures, lines = Figures(), []
    measure_plugin_start(figures, 2, lines.append)
    assert len(lines) == 2
    counts = [figures.count(f"plugin/{name}") for name in ("with", "without", "cost")]
    assert counts == [2, 2, 2]
