"""One domain that can be asked in bounded time, also across a restart of the daemon."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Any, TypeVar

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.events import EventStream
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.calls import Calls
from powerdown.machine.libvirt.connection import Connection
from powerdown.machine.libvirt.libvirt_errors import is_lost, machine_error

_T = TypeVar("_T")

_CALLS_AT_ONCE = 4

_LAST_ANSWER_SECONDS = 0.02
"""After the power-off, for an answer that is on its way."""


class DomainHandle:
    """A domain by its UUID.

    :param connection: to the libvirt that has it.
    :param uuid: in libvirt's notation.
    :param events: told how long answers were waited for.
    """

    def __init__(self, connection: Connection, uuid: str, events: EventStream) -> None:
        self.connection = connection
        self.uuid = uuid
        self._events = events
        # Its result says why nobody answers any more.
        self._ending: Future[str] = Future()
        self._calls = Calls(_CALLS_AT_ONCE)

    def call(
        self,
        action: str,
        work: Callable[[libvirt.virDomain], _T],
        deadline: Deadline,
        *,
        once: bool = False,
        needs_qemu: bool = True,
    ) -> _T:
        """Do something with the domain; what that returns.

        A connection that is lost meanwhile is waited for, and the work is done again.

        :param action: what it is, for messages.
        :param once: do it no second time, as it may have been done.
        :param needs_qemu: whether nobody answers any more once the guest has powered off.
        :raise MachineError: libvirt refuses, the domain is gone or powers off, or there is no
            answer in time.
        """
        return self.ask(
            action,
            lambda virt: work(virt.lookupByUUIDString(self.uuid)),
            deadline,
            once=once,
            needs_qemu=needs_qemu,
        )

    def ask(
        self,
        action: str,
        work: Callable[[libvirt.virConnect], _T],
        deadline: Deadline,
        *,
        once: bool = False,
        needs_qemu: bool = True,
    ) -> _T:
        """Do something with the connection, such as making the domain; else as :meth:`call`."""
        while True:
            if not self.connection.wait_until_connected(deadline):
                raise MachineError(
                    action,
                    f"the connection to {self.connection.uri} is lost",
                    "Does the daemon run? The guest may go on without it.",
                )
            virt = self.connection.virt
            try:
                ending = self._ending if needs_qemu else None
                return self._bounded(action, partial(work, virt), deadline, ending)
            except libvirt.libvirtError as error:
                if not is_lost(error, virt):
                    raise machine_error(action, error) from error
                self.connection.lost()
                if once:
                    raise MachineError(
                        action,
                        f"the connection to {self.connection.uri} was lost meanwhile",
                        "Whether it was done is not known: look at the guest again.",
                    ) from error

    def abort_calls(self, why: str) -> None:
        """Let nobody wait for answers of a QEMU that ends.

        :param why: what has become of it, for messages.
        """
        if not self._ending.done():
            self._ending.set_result(why)

    def accept_calls(self) -> None:
        """It has not ended: QEMU was told to stay and to start its guest again."""
        self._ending = Future()

    def close(self) -> None:
        """Ask no more; calls that hang are left behind."""
        self._calls.close()

    def _bounded(
        self,
        action: str,
        work: Callable[[], _T],
        deadline: Deadline,
        ending: Future[str] | None,
    ) -> _T:
        if ending is not None and ending.done():
            raise _no_more(action, ending)
        began = now()
        answer = self._calls.begin(work)
        if answer is None:
            raise MachineError(action, "the machine was closed", "Use one that runs.")
        try:
            either: tuple[Future[Any], ...] = (answer,) if ending is None else (answer, ending)
            wait(either, deadline.remaining, FIRST_COMPLETED)
            if not answer.done() and ending is not None and ending.done():
                wait((answer,), deadline.at_most(_LAST_ANSWER_SECONDS).remaining)
        finally:
            self._events.on_waited(began, now())
        if answer.done():
            return answer.result()
        answer.cancel()
        if ending is not None and ending.done():
            raise _no_more(action, ending)
        raise MachineError(
            action,
            f"libvirt did not answer within {deadline.allowed:.1f} s",
            "The host is overloaded, or QEMU hangs: see libvirt's log of the domain.",
        )


def _no_more(action: str, ending: Future[str]) -> MachineError:
    return MachineError(action, ending.result(), "Ask a machine that runs.")
