"""One domain that can be asked in bounded time, also across a restart of the daemon."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeVar

from harness.deadline import Deadline, now
from harness.errors import MachineError
from harness.machine.domain.binding import libvirt
from harness.machine.domain.connection import Connection
from harness.machine.domain.errors import is_lost, machine_error
from harness.machine.events import EventStream

_T = TypeVar("_T")

_CALLS_AT_ONCE = 4
"""Those that hang are left behind; libvirt itself waits for a monitor without a limit."""

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
        self._ending: Future[None] = Future()
        self._threads = ThreadPoolExecutor(_CALLS_AT_ONCE, thread_name_prefix="libvirt")

    def call(
        self,
        tried: str,
        work: Callable[[libvirt.virDomain], _T],
        deadline: Deadline,
        *,
        once: bool = False,
    ) -> _T:
        """Do something with the domain; what that returns.

        A connection that is lost meanwhile is waited for, and the work is done again.

        :param tried: what it is, for messages.
        :param once: do it no second time, as it may have been done.
        :raise MachineError: libvirt refuses, the domain is gone or powers off, or there is no
            answer in time.
        """
        return self.ask(
            tried, lambda virt: work(virt.lookupByUUIDString(self.uuid)), deadline, once=once
        )

    def ask(
        self,
        tried: str,
        work: Callable[[libvirt.virConnect], _T],
        deadline: Deadline,
        *,
        once: bool = False,
    ) -> _T:
        """Do something with the connection, such as making the domain; else as :meth:`call`."""
        while True:
            if not self.connection.wait_until_back(deadline):
                raise MachineError(
                    tried,
                    f"the connection to {self.connection.uri} is lost",
                    "Does the daemon run? The guest may go on without it.",
                )
            virt = self.connection.virt
            try:
                return self._bounded(tried, partial(work, virt), deadline)
            except libvirt.libvirtError as error:
                lost = is_lost(error, virt)
                if lost:
                    self.connection.lost()
                if once or not lost:
                    raise machine_error(tried, error) from error

    def give_up(self) -> None:
        """Let nobody wait for answers of a QEMU that ends."""
        if not self._ending.done():
            self._ending.set_result(None)

    def close(self) -> None:
        """Ask no more; calls that hang are left behind."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _bounded(
        self,
        tried: str,
        work: Callable[[], _T],
        deadline: Deadline,
    ) -> _T:
        began = now()
        try:
            answer = self._threads.submit(work)
        except RuntimeError as error:
            raise MachineError(tried, "the machine was closed", "Use one that runs.") from error
        try:
            either: tuple[Future[Any], ...] = (answer, self._ending)
            wait(either, deadline.remaining, FIRST_COMPLETED)
            if not answer.done() and self._ending.done():
                wait((answer,), deadline.at_most(_LAST_ANSWER_SECONDS).remaining)
        finally:
            self._events.on_waited(began, now())
        if answer.done():
            return answer.result()
        answer.cancel()
        if self._ending.done():
            raise MachineError(
                tried, "its guest has powered off and QEMU ends", "Ask a machine that runs."
            )
        raise MachineError(
            tried,
            f"libvirt did not answer within {deadline.allowed:.1f} s",
            "The host is overloaded, or QEMU hangs: see libvirt's log of the domain.",
        )
