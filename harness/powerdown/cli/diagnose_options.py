"""The command line of ``powerdown diagnose``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from powerdown.cli.exit_status import ExitStatus, exit_status_help
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
"""The defaults of image definitions."""

_DESCRIPTION = """\
Examine a running guest without changing anything in it: would it shut down if
its power button were pressed, and if not, why not? With --press, press the
button and follow the shutdown."""

_OBSERVE_STATUS = {
    ExitStatus.SUCCESS: "nothing was found that would stop a soft shutdown; delays are reported",
    ExitStatus.FAILURE: "something was found that would stop it",
    ExitStatus.INCONCLUSIVE: "only a press can tell, or the guest could not be observed",
}
_PRESS_STATUS = {
    ExitStatus.SUCCESS: "the guest powered off",
    ExitStatus.FAILURE: "it did not",
    ExitStatus.INCONCLUSIVE: "inconclusive",
    ExitStatus.FORCED: "it did not, and its power was cut (--force-after)",
}
_EPILOG = f"""\
{exit_status_help(_OBSERVE_STATUS, "exit status without --press")}

{exit_status_help(_PRESS_STATUS, "exit status with --press")}

The guest keeps running unless it shut down or its power was cut. The password
for --winrm is read from the environment variable {PASSWORD_VARIABLE}, or
asked for."""


@dataclass(frozen=True)
class DomainName:
    """A libvirt domain.

    :param uri: connection URI; ``None`` for libvirt's default.
    """

    name: str
    uri: str | None


@dataclass(frozen=True)
class DiagnoseOptions:
    """The options, typed.

    :param target: the guest.
    :param inside: how to query it from inside.
    :param budgets: how long the shutdown may take.
    :param press: press the power button rather than only observe.
    :param force_after: seconds after the press at which the power is cut if it is still on;
        ``None`` to leave it on.
    :param as_json: print JSON.
    :param transcript: the file to keep the QMP traffic in; ``None`` to discard it.
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
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.set_defaults(parser=parser)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        "--qmp",
        type=_typed(QmpAddress.parse),
        metavar="SOCKET",
        help="the guest's QMP socket: its path, or HOST:PORT",
    )
    target.add_argument("--domain", metavar="NAME", help="the guest's libvirt domain")
    parser.add_argument("--connect", metavar="URI", help="libvirt connection of --domain")
    inside = parser.add_mutually_exclusive_group()
    inside.add_argument(
        "--winrm",
        type=_typed(winrm_address),
        metavar="HOST[:PORT]",
        help="also query the guest over WinRM (HTTP; default port: 5985)",
    )
    inside.add_argument(
        "--agent",
        type=Path,
        nargs="?",
        const=Path(),
        metavar="SOCKET",
        help="also query the guest through its QEMU guest agent; SOCKET is the UNIX socket of "
        "the agent's port, by default the one that QEMU reports (with --domain, libvirt relays)",
    )
    parser.add_argument("--user", metavar="NAME", help="user to log on as over WinRM")
    parser.add_argument(
        "--authentication",
        type=WinrmAuthentication,
        choices=list(WinrmAuthentication),
        help="authentication of --winrm (default: ntlm)",
    )
    parser.add_argument(
        "--press", action="store_true", help="press the power button and follow the shutdown"
    )
    parser.add_argument(
        "--force-after",
        type=_seconds,
        metavar="SECONDS",
        help="with --press: cut the power if it is still on this long after the press",
    )
    for name, seconds, what in (
        ("reaction", _DEFAULTS.reaction, "how long the guest has to react to the press"),
        (
            "soft",
            _DEFAULTS.shutdown_soft,
            "how soon after the press it should be off; later is slow",
        ),
        ("hard", _DEFAULTS.shutdown_hard, "how long after the press to stop waiting for it"),
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
        "--transcript", type=Path, metavar="FILE", help="with --qmp: write the QMP traffic to FILE"
    )


def read_options(parsed: argparse.Namespace) -> DiagnoseOptions:
    """The options, typed; a combination that makes no sense is a usage error."""
    parser: argparse.ArgumentParser = parsed.parser
    if parsed.connect is not None and parsed.domain is None:
        parser.error("--connect requires --domain")
    if parsed.transcript is not None and parsed.qmp is None:
        parser.error("--transcript requires --qmp: libvirt keeps a domain's monitor to itself")
    if parsed.force_after is not None and not parsed.press:
        parser.error("--force-after requires --press")
    if parsed.agent not in (None, Path()) and parsed.domain is not None:
        parser.error(
            "--agent takes no SOCKET with --domain: libvirt keeps a domain's agent socket to itself"
        )
    if (parsed.winrm is None) != (parsed.user is None):
        parser.error("--winrm and --user must be given together")
    if parsed.authentication is not None and parsed.winrm is None:
        parser.error("--authentication requires --winrm")
    if not parsed.reaction <= parsed.soft <= parsed.hard:
        parser.error("--reaction must not be longer than --soft, nor --soft longer than --hard")
    if parsed.force_after is not None and parsed.force_after < parsed.reaction:
        parser.error("--force-after must not be shorter than --reaction")
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
    """The budgets, none of which reaches beyond the moment at which the power is to be cut."""
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
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds above 0 and below 1000000"
        )
    return seconds


def _typed(read: Callable[[str], _T]) -> Callable[[str], _T]:
    """``read`` as a type of argparse, which hides a ValueError's message."""

    def checked(text: str) -> _T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked
