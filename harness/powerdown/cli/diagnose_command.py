"""``powerdown diagnose``: why does a running guest not shut down?

Without ``--press`` the guest is only observed; with it, its power button is pressed and the
shutdown followed. The guest is not ours: nothing is changed in it, it keeps running, and its power
is cut only if ``--force-after`` says so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from powerdown.cli import diagnose_options
from powerdown.cli.diagnose_options import DiagnoseOptions, DomainName
from powerdown.cli.diagnose_press import press_and_watch
from powerdown.cli.exit_status import ExitStatus, forecast_status, verdict_status
from powerdown.cli.guest_access import inside_of
from powerdown.cli.live_steps import StepRow, step_rows
from powerdown.cli.live_view import LiveView
from powerdown.cli.output import echo
from powerdown.core.errors import HostError
from powerdown.core.text import printable
from powerdown.diagnosis.forecast import forecast
from powerdown.guest.windows import Windows
from powerdown.machine.external.external_qemu import ExternalQemu
from powerdown.machine.protocol import ExternalMachine, Machine
from powerdown.machine.run_directory import RunDirectory
from powerdown.report.diagnose_json import StepJson, forced_json, forecast_to_json, press_to_json
from powerdown.report.verdict_text import forced_text, forecast_text, verdict_text
from powerdown.shutdown.observe_idle import observe_idle


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    diagnose_options.add_options(parser)
    parser.set_defaults(run=run_diagnose)


def run_diagnose(parsed: argparse.Namespace) -> int:
    """Observe the guest, or press its power button too, and print the result; the exit status.

    :raise PowerdownError: there is no result.
    """
    options = diagnose_options.read_options(parsed)
    with _attach(options) as machine, inside_of(options.inside, machine) as windows:
        if options.press:
            return _press(machine, windows, options)
        return _observe(machine, windows, options)


@contextmanager
def _attach(options: DiagnoseOptions) -> Iterator[ExternalMachine]:
    target = options.target
    if isinstance(target, DomainName):
        with closing(_domain(target, options)) as domain:
            yield domain
        return
    with ExitStack() as opened:
        transcript = options.transcript
        if transcript is None:
            transcript = opened.enter_context(RunDirectory("diagnose")).path / "qmp.jsonl"
        try:
            machine = ExternalQemu(target, options.budgets, transcript)
        except OSError as error:
            actual = error.strerror or str(error)
            raise HostError(
                f"write the transcript {transcript}", actual, "Choose another file."
            ) from error
        yield opened.enter_context(closing(machine))


def _domain(target: DomainName, options: DiagnoseOptions) -> ExternalMachine:
    # Imported only here: libvirt is optional, and a missing one is reported in one line.
    from powerdown.machine.libvirt.external_domain import attach_domain

    return attach_domain(target.uri, target.name, options.budgets)


def _observe(machine: Machine, windows: Windows | None, options: DiagnoseOptions) -> int:
    if sys.stderr.isatty():
        echo(f"examining {printable(machine.name)} ...", sys.stderr)
    result = forecast(observe_idle(machine, windows))
    if options.as_json:
        _print_json(forecast_to_json(machine.name, result))
    else:
        echo(forecast_text(machine.name, result))
    return forecast_status(result)


def _press(machine: Machine, windows: Windows | None, options: DiagnoseOptions) -> int:
    with _view(machine, options) as view:
        pressed = press_and_watch(machine, windows, options.force_after, view)
        view.finish(pressed.obs)
    verdict, cut = pressed.verdict, pressed.cut
    if options.as_json:
        steps = [_step_json(row) for row in step_rows(pressed.obs, over=True)]
        forced = None if cut is None else forced_json(cut.after, cut.losses)
        _print_json(press_to_json(machine.name, verdict, steps, forced))
    else:
        echo(verdict_text(verdict))
        if cut is not None:
            echo(forced_text(cut.after, cut.losses))
    if pressed.failure is not None:
        raise pressed.failure
    return verdict_status(verdict) if cut is None else ExitStatus.FORCED


def _view(machine: Machine, options: DiagnoseOptions) -> LiveView:
    out = sys.stderr if options.as_json else sys.stdout
    drawn = out.isatty() and not options.as_json
    return LiveView(out, machine.name, machine.events, options.budgets, drawn=drawn)


def _step_json(row: StepRow) -> StepJson:
    seconds = None if row.seconds is None else round(row.seconds, 3)
    return StepJson.from_attributes(row, seconds=seconds)


def _print_json(value: object) -> None:
    echo(json.dumps(value, indent=2))
