"""What ``powerdown diagnose`` is asked for on its command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from powerdown.cli.guest_access import (
    PASSWORD_VARIABLE,
    AgentAccess,
    InsideAccess,
    WinrmAccess,
    winrm_address,
)
from powerdown.images.image import Budgets, ControlConfig, WinrmAuthentication
from powerdown.machine.external.qmp_socket import QmpAddress

_T = TypeVar("_T")

_DEFAULTS = Budgets()
"""Those of image definitions."""

EXIT_STATUS = f"""\
exit status of a look:
  0  nothing was found that would stop a soft shutdown (what would delay it is told)
  1  something was found that would
  3  only a press can tell, or it could not be seen
exit status with --press:
  0  the guest powered off
  1  it did not
  3  inconclusive
  4  it did not, and its power was cut (--force-after)
of both:
  2  nothing could be said: bad input, no connection, host fault
  130  interrupted; the guest goes on
  141  nobody reads what is printed any more; the guest goes on

The password for --winrm is taken from {PASSWORD_VARIABLE} in the environment, or asked for."""


@dataclass(frozen=True)
class DomainName:
    """A domain of libvirt's.

    :param uri: of its libvirt; ``None`` for the one that libvirt takes by default.
    """

    name: str
    uri: str | None


@dataclass(frozen=True)
class DiagnoseOptions:
    """What is wanted.

    :param target: which guest.
    :param inside: the way into it.
    :param budgets: how long it may take.
    :param press: whether to press, not only look.
    :param force_after: cut the power if it is still on so many seconds after the press; ``None``
        to leave it on.
    :param as_json: whether to print JSON.
    :param transcript: where the traffic with QEMU is kept; ``None`` to keep it nowhere.
    """

    target: QmpAddress | DomainName
    inside: InsideAccess
    budgets: Budgets
    press: bool
    force_after: float | None
    as_json: bool
    transcript: Path | None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.set_defaults(parser=parser)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        "--qmp",
        type=_typed(QmpAddress.parse),
        metavar="SOCKET",
        help="the guest's QEMU: path of its -qmp socket, or HOST:PORT",
    )
    target.add_argument("--domain", metavar="NAME", help="the guest: a domain of libvirt's")
    parser.add_argument("--connect", metavar="URI", help="libvirt that has the domain")
    inside = parser.add_mutually_exclusive_group()
    inside.add_argument(
        "--winrm",
        type=_typed(winrm_address),
        metavar="HOST[:PORT]",
        help="ask the inside over WinRM too (HTTP, port 5985 unless given)",
    )
    inside.add_argument(
        "--agent",
        type=Path,
        nargs="?",
        const=Path(),
        metavar="SOCKET",
        help="ask the inside over the guest agent: UNIX socket of its port, or nothing to have "
        "QEMU tell it or a domain's libvirt pass questions on",
    )
    parser.add_argument("--user", metavar="NAME", help="whom to log on as over WinRM")
    parser.add_argument(
        "--authentication",
        type=WinrmAuthentication,
        choices=list(WinrmAuthentication),
        help="how WinRM authenticates the user (default: ntlm)",
    )
    parser.add_argument("--press", action="store_true", help="press the power button and watch")
    parser.add_argument(
        "--force-after",
        type=_seconds,
        metavar="SECONDS",
        help="with --press: cut the power if it is still on so long after the press",
    )
    for name, seconds, what in (
        (
            "reaction",
            _DEFAULTS.reaction,
            "time after the press for a first sign that it is handled",
        ),
        ("soft", _DEFAULTS.shutdown_soft, "time after the press by which it should be off"),
        ("hard", _DEFAULTS.shutdown_hard, "time after the press until which it is watched"),
    ):
        parser.add_argument(
            f"--{name}",
            type=_seconds,
            default=seconds,
            metavar="SECONDS",
            help=f"{what} (default: {seconds:g})",
        )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--transcript", type=Path, metavar="FILE", help="keep what was said to and by QEMU (--qmp)"
    )


def read_options(parsed: argparse.Namespace) -> DiagnoseOptions:
    """The options, typed; those that do not go together end the program as argparse does."""
    parser: argparse.ArgumentParser = parsed.parser
    if parsed.connect is not None and parsed.domain is None:
        parser.error("--connect names a libvirt: give --domain too")
    if parsed.transcript is not None and parsed.qmp is None:
        parser.error("--transcript is for --qmp: libvirt has QEMU's monitor to itself")
    if parsed.force_after is not None and not parsed.press:
        parser.error("--force-after only goes with --press")
    if parsed.agent not in (None, Path()) and parsed.domain is not None:
        parser.error("--agent takes no socket with --domain: libvirt keeps it")
    if (parsed.winrm is None) != (parsed.user is None):
        parser.error("--winrm and --user go together")
    if parsed.authentication is not None and parsed.winrm is None:
        parser.error("--authentication is for --winrm")
    if not parsed.reaction <= parsed.soft <= parsed.hard:
        parser.error("--reaction must not exceed --soft, nor --soft --hard")
    if parsed.force_after is not None and parsed.force_after < parsed.reaction:
        parser.error("--force-after must leave the guest its --reaction")
    target = parsed.qmp if parsed.domain is None else DomainName(parsed.domain, parsed.connect)
    return DiagnoseOptions(
        target,
        _inside(parsed),
        _budgets(parsed),
        parsed.press,
        parsed.force_after,
        parsed.json,
        parsed.transcript,
    )


def _inside(parsed: argparse.Namespace) -> InsideAccess:
    if parsed.winrm is not None:
        authentication = parsed.authentication or ControlConfig().authentication
        return WinrmAccess(parsed.winrm, parsed.user, authentication)
    if parsed.agent is None:
        return None
    return AgentAccess(None if parsed.agent == Path() else parsed.agent)


def _budgets(parsed: argparse.Namespace) -> Budgets:
    """The guest is not watched beyond the moment at which its power is to be cut."""
    hard = parsed.hard if parsed.force_after is None else min(parsed.hard, parsed.force_after)
    return replace(
        _DEFAULTS,
        reaction=parsed.reaction,
        shutdown_soft=min(parsed.soft, hard),
        shutdown_hard=hard,
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no sensible number of seconds")
    return seconds


def _typed(read: Callable[[str], _T]) -> Callable[[str], _T]:
    """``read``, with its message in the usage error."""

    def checked(text: str) -> _T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked
