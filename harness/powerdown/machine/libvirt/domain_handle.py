"""Calls for one domain that take bounded time and survive a restart of libvirt's daemon."""

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
"""After the power-off, for an answer that is already on its way."""


class DomainHandle:
    """A domain, identified by its UUID.

    :param connection: connection to its libvirt.
    :param uuid: in libvirt's notation.
    :param events: its ``on_waited`` is called with the time of each call.
    """

    def __init__(self, connection: Connection, uuid: str, events: EventStream) -> None:
        self.connection = connection
        self.uuid = uuid
        self._events = events
        # Its result says why there are no more answers.
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
        """Call a function with the domain and return its result.

        If the connection is lost meanwhile, wait until it is restored and call again.

        :param action: what is done, for messages.
        :param once: do not call again, because the first call may have taken effect.
        :param needs_qemu: whether there is no answer once the guest has powered off.
        :raise MachineError: libvirt refuses, the domain does not exist or powers off, or there is
            no answer in time.
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
        """Like :meth:`call`, but with the connection: for example, to create the domain."""
        while True:
            if not self.connection.wait_until_connected(deadline):
                raise MachineError(
                    action,
                    f"the connection to {self.connection.uri} is lost",
                    "Check that the daemon runs; the guest may run on without it.",
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
                        "Whether it took effect is not known: check the guest.",
                    ) from error

    def abort_calls(self, why: str) -> None:
        """Abort the calls that need QEMU, which is ending.

        :param why: the reason, for messages.
        """
        if not self._ending.done():
            self._ending.set_result(why)

    def accept_calls(self) -> None:
        """Accept calls again: QEMU did not end but restarted its guest."""
        self._ending = Future()

    def close(self) -> None:
        """Make no more calls; those that hang are abandoned."""
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
            raise MachineError(action, "the machine was closed", "Use a machine that is running.")
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
            "The host is overloaded or QEMU hangs; see libvirt's log of the domain.",
        )


def _no_more(action: str, ending: Future[str]) -> MachineError:
    return MachineError(action, ending.result(), "Use a machine that is running.")
