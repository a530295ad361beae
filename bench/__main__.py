"""The command ``bench/run``: measure, print a table, write JSON; see ``docs/benchmarks.md``.

Exit status: 0 measured, whatever the figures are; 2 something could not be measured;
130 interrupted.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.attempt import attempts_of
from bench.catalogue import ROOT, catalogue_rows, measure_catalogue, most_expensive
from bench.figures import Figures
from bench.growth import measure_growth, memory_growth_rows, scenario_growth_rows
from bench.machine_facts import MachineFacts
from bench.memory import measure_memory, memory_rows
from bench.plugin_start import measure_plugin_start, plugin_rows
from bench.result import Result
from bench.row import Row
from bench.site import open_site
from bench.starts import measure_starts, start_rows
from bench.table import row_table
from bench.verdicts import measure_verdicts, verdict_rows
from bench.waiting import attempt_table, waiting_rows
from powerdown.core.errors import PowerdownError
from powerdown.host.host import Host
from powerdown.images.definition import load
from powerdown.images.image import Image
from powerdown.report.gate_result import GateResult

ALL = (1, 2, 3, 4, 5, 6, 7)
ENOUGH_ROUNDS = 10
"""A median of fewer samples says little."""

_QUIET_LOAD = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="bench: %(message)s")
    logging.getLogger("powerdown").setLevel(logging.INFO)
    if 5 in options.only and 3 not in options.only and options.gate is None:
        print(
            "bench: --only 5 needs a run of the catalogue: add 3, or give --gate FILE",
            file=sys.stderr,
        )
        return 2
    try:
        host = Host.of_this_host()
        result = Result("", MachineFacts.of(host), _in_force(options))
        try:
            image = load(options.image)
            result.image = image.name
            _measure(options, host, image, result)
        except BaseException:
            # What has been measured is worth keeping.
            if result.rows:
                result.notes.append("this run was stopped early")
                _report(result, options.output)
            raise
        _report(result, options.output)
    except PowerdownError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    return 0


def _measure(options: argparse.Namespace, host: Host, image: Image, result: Result) -> None:
    """Run the chosen benchmarks; rows are added as they are measured."""
    only, rounds = options.only, options.rounds
    cold_rounds = rounds if options.cold_rounds is None else options.cold_rounds
    figures = result.figures
    if result.machine.load > _QUIET_LOAD:
        result.notes.append("the host was busy with something else: rely on ratios, not on seconds")
    if rounds < ENOUGH_ROUNDS:
        result.notes.append(f"medians of {rounds} samples: too few to rely on")
    if {1, 2, 4} & {*only}:
        with open_site(host, image, keep_templates=True) as site:
            if 1 in only:
                measure_starts(site, figures, rounds, cold_rounds, _say)
                result.rows += start_rows(figures)
            if 2 in only:
                measure_verdicts(site, figures, rounds, _say)
                result.rows += verdict_rows(figures)
            if 4 in only:
                if not site.template_memory()[1]:
                    result.notes.append("the template's memory is on disk: page cache, not counted")
                measure_memory(site, figures, rounds, cold_rounds, _say)
                result.rows += memory_rows(figures)
    if 7 in only:
        measure_plugin_start(figures, rounds, _say)
        result.rows += plugin_rows(figures)
    growth: list[Row] = []
    if 6 in only:
        sizes = options.memory
        measure_growth(host, image, sizes, figures, rounds, cold_rounds, _say)
        growth = memory_growth_rows(figures, sizes)
    if 3 in only:
        growth += _measure_catalogue(options, image, result, figures)
    if 5 in only and options.gate is not None:
        result.attempts = attempts_of(GateResult.read(options.gate).scenarios)
    if 5 in only:
        result.rows += waiting_rows(result.attempts)
    result.rows += growth
    result.rows.sort(key=lambda row: row.benchmark)


def _measure_catalogue(
    options: argparse.Namespace, image: Image, result: Result, figures: Figures
) -> list[Row]:
    """Run the scenarios; rows on how the time grows with their number."""
    runs = measure_catalogue(
        image.definition,
        figures,
        options.workers,
        options.catalogue_rounds,
        options.k,
        _say,
    )
    result.rows += catalogue_rows(figures, options.workers)
    for run in runs:
        result.notes.append(most_expensive(run))
        if run.unsound:
            result.notes.append(f"{run.unsound} scenarios failed with {run.workers} workers")
    first = runs[0]
    result.attempts = attempts_of(first.result.scenarios)
    alone = first.workers == 1 and 6 in options.only
    return scenario_growth_rows(first.tests, first.wall) if alone else []


def _report(result: Result, output: Path) -> None:
    print(result.machine)
    print(row_table(result.rows))
    if result.attempts:
        print(attempt_table(result.attempts))
    for note in result.notes:
        print(f"note: {note}")
    print(f"written to {result.write(output)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/run",
        description="Measure what it costs to start, judge and keep guests on this machine.",
        epilog="exit status: 0 measured, 2 something could not be measured, 130 interrupted",
    )
    parser.add_argument(
        "--only",
        type=_numbers(ALL),
        default=ALL,
        metavar="1,2",
        help="benchmarks to run, of 1 to 7 (default: all)",
    )
    parser.add_argument(
        "--rounds",
        type=_count,
        default=ENOUGH_ROUNDS,
        help="samples of each figure (default: %(default)s)",
    )
    parser.add_argument(
        "--cold-rounds", type=int, help="cold boots, about 8 s each (default: as many as --rounds)"
    )
    parser.add_argument(
        "--catalogue-rounds",
        type=_count,
        default=1,
        help="runs of benchmark 3 (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=_numbers(),
        default=(1, 2),
        metavar="1,2",
        help="numbers of workers in benchmark 3 (default: 1,2)",
    )
    parser.add_argument(
        "-k", default="", metavar="EXPRESSION", help="scenarios of benchmark 3, as pytest -k"
    )
    parser.add_argument(
        "--gate", type=Path, metavar="FILE", help="gate.json of an earlier run, for benchmark 5"
    )
    parser.add_argument(
        "--memory",
        type=_numbers(),
        default=(512, 2048, 4096),
        metavar="512,2048",
        help="memory of the guests in benchmark 6 in MiB, smallest first (default: 512,2048,4096)",
    )
    parser.add_argument(
        "--image",
        type=Path,
        default=ROOT / "fixtures" / "images" / "standin.toml",
        metavar="FILE",
        help="image definition (default: the stand-in)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("reports/bench.json"),
        metavar="FILE",
        help="result file (default: %(default)s)",
    )
    return parser


def _numbers(known: Sequence[int] | None = None) -> Callable[[str], tuple[int, ...]]:
    """A type of argparse for positive integers separated by commas, limited to ``known``."""

    def read(text: str) -> tuple[int, ...]:
        try:
            numbers = tuple(int(part) for part in text.split(","))
        except ValueError:
            numbers = (0,)
        wrong = [one for one in numbers if one < 1 or (known is not None and one not in known)]
        if wrong:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a list such as 1,2"
                + (f" of {known[0]} to {known[-1]}" if known else "")
            )
        return numbers

    return read


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def _in_force(options: argparse.Namespace) -> dict[str, object]:
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(options).items()
    }


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
