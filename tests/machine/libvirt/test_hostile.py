"""Neighbours of a guest that get in the way: its daemon, its administrators, its definition."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.diagnosis.verdict import Verdict
from powerdown.images.image import Budgets
from powerdown.machine.events import MONITOR_BACK, MONITOR_LOST, PROCESS_EXIT, named
from powerdown.machine.libvirt import connection
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.booted_domain import BootedDomain
from powerdown.machine.libvirt.external_domain import ExternalDomain, attach_domain
from powerdown.machine.protocol import Machine, RunState
from powerdown.shutdown.qemu_end import with_qemu_end
from powerdown.shutdown.soft_shutdown import press_power_button
from tests.support.boot_sector import HUNG, IGNORING, OBEDIENT, SLEEPY
from tests.support.libvirt_daemon import Daemon
from tests.support.libvirt_lab import CUT, Lab
from tests.support.real_qemu import armed

pytestmark = pytest.mark.guest

BUDGETS = Budgets(boot=20, reaction=0.5, shutdown_soft=2, shutdown_hard=3, settle=0)


def press(machine: Machine) -> Verdict:
    """The verdict on a press."""
    observed = press_power_button(machine, None, is_conclusive=is_conclusive)
    return diagnose(with_qemu_end(observed, machine))


@contextmanager
def meanwhile(machine: Machine, done: Callable[[], object]) -> Iterator[None]:
    """Do something, in a thread, as soon as the power button has been pressed."""

    def wait_and_do() -> None:
        machine.events.expect(named("POWERDOWN"), Deadline.after(20), "the press")
        done()

    thread = threading.Thread(target=wait_and_do)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def attached(lab: Lab, name: str, budgets: Budgets = BUDGETS) -> Iterator[ExternalDomain]:
    assert lab.daemon is not None
    machine = attach_domain(lab.daemon.uri, name, budgets)
    try:
        yield machine
    finally:
        machine.close()


@pytest.fixture
def virsh(daemon: Daemon) -> Iterator[libvirt.virConnect]:
    """Somebody else who uses the daemon."""
    another = libvirt.open(daemon.uri)
    yield another
    another.close()


def other(virsh: libvirt.virConnect, machine: BootedDomain) -> libvirt.virDomain:
    return virsh.lookupByUUIDString(machine._handle.uuid)


def define(virsh: libvirt.virConnect, lab: Lab, guest: bytes, **changes: str) -> libvirt.virDomain:
    """A domain as a user has it: defined, not made for the harness; texts of its XML changed."""
    made = lab.boot(guest)
    xml = other(virsh, made).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    made.close()
    for old, new in changes.items():
        for action in ("destroy", "restart", "preserve"):
            xml = xml.replace(f"<{old}>{action}</{old}>", f"<{old}>{new}</{old}>")
    return virsh.defineXML(xml)


class TestTheDaemon:
    def test_restarted_it_is_reached_again_and_the_press_seen_to_its_end(
        self, on_daemon: Lab, daemon: Daemon
    ) -> None:
        machine = on_daemon.boot(OBEDIENT)
        armed(machine)
        pid = machine.pid
        daemon.restart()
        assert machine.events.wait(named(MONITOR_BACK), Deadline.after(20)) is not None
        # The guest has gone on, its serial console and its number are as before.
        assert (machine.pid, machine.run_state()) == (pid, RunState.RUNNING)
        assert machine.events.exit is None
        verdict = press(machine)
        assert verdict.outcome is Outcome.COMPLETED, verdict
        assert machine.events.wait(named(PROCESS_EXIT), Deadline.after(20)) is not None
        # And another guest can be had over the same connection.
        armed(on_daemon.boot(HUNG))

    def test_restarted_under_a_press_that_is_ignored(self, on_daemon: Lab, daemon: Daemon) -> None:
        machine = on_daemon.boot(replace(on_daemon.image(IGNORING), budgets=BUDGETS))
        armed(machine)
        with meanwhile(machine, daemon.restart):
            verdict = press(machine)
        assert verdict.outcome not in (Outcome.COMPLETED, Outcome.HOST_FAULT), verdict
        names = [event.name for event in machine.events.since()]
        assert names.count(MONITOR_LOST) == names.count(MONITOR_BACK) == 1

    def test_away_while_the_guest_ends_nobody_knows_how(
        self, on_daemon: Lab, daemon: Daemon, virsh: libvirt.virConnect
    ) -> None:
        machine = on_daemon.boot(IGNORING)
        armed(machine)

        def swap() -> None:
            daemon.kill()
            machine._kill_process()
            daemon.start()

        with meanwhile(machine, swap):
            verdict = press(machine)
        assert machine.events.exit is not None
        assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.UNKNOWN)
        assert [evidence.raw.partition("(")[0] for evidence in verdict.evidence] == [
            MONITOR_LOST,
            PROCESS_EXIT,
        ]
        assert "domstate" in verdict.remedy

    def test_killed_and_not_coming_back(
        self, on_daemon: Lab, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "_RECONNECT_SECONDS", 0.5)
        monkeypatch.setattr(connection, "_LATE_RECONNECT_SECONDS", 0.2)
        machine = on_daemon.boot(IGNORING)
        armed(machine)
        pid = machine.pid
        begun = now()
        with meanwhile(machine, daemon.kill):
            verdict = press(machine)
        assert (verdict.outcome, verdict.cause) == (Outcome.HOST_FAULT, Cause.HOST_FAULT)
        assert "Connect again" in verdict.remedy
        with pytest.raises(MachineError, match=r"the connection to .* is lost"):
            machine.probe_pm1()
        assert now() - begun < 10
        with pytest.raises(MachineError, match=r"the connection to .* is lost"):
            on_daemon.boot(HUNG)
        # A guest of ours goes with us even so.
        machine.close()
        assert pid not in daemon.qemus()
        # The daemon is there again: so is the connection, for whoever comes next.
        daemon.start()
        armed(on_daemon.boot(HUNG))

    def test_a_broken_connection_is_made_again(self, on_daemon: Lab) -> None:
        machine = on_daemon.boot(OBEDIENT)
        armed(machine)
        for end in _connections_to(on_daemon.daemon):
            end.shutdown(socket.SHUT_RDWR)
            end.close()
        assert machine.events.wait(named(MONITOR_BACK), Deadline.after(20)) is not None
        assert press(machine).outcome is Outcome.COMPLETED


class TestOthersWhoUseIt:
    def test_destroyed_under_a_press(self, on_daemon: Lab, virsh: libvirt.virConnect) -> None:
        machine = on_daemon.boot(IGNORING)
        armed(machine)
        with meanwhile(machine, other(virsh, machine).destroy):
            verdict = press(machine)
        assert (verdict.outcome, verdict.cause) == (Outcome.FORCED_OFF, Cause.FORCED_SHUTDOWN)
        assert "destroy the domain" in verdict.evidence[-1].fact

    def test_gone_before_the_press(self, on_daemon: Lab, virsh: libvirt.virConnect) -> None:
        machine = on_daemon.boot(HUNG)
        other(virsh, machine).destroy()
        machine.events.expect(named(PROCESS_EXIT), Deadline.after(20), "its end")
        begun = now()
        with pytest.raises(MachineError, match=rf"press the power button: .*({CUT})"):
            machine.press_power_button()
        assert now() - begun < 1

    def test_restarted_by_its_definition(self, on_daemon: Lab, virsh: libvirt.virConnect) -> None:
        domain = define(virsh, on_daemon, OBEDIENT, on_poweroff="restart")
        domain.create()
        try:
            with attached(on_daemon, domain.name()) as machine:
                armed(machine)
                verdict = press(machine)
                assert verdict.outcome is Outcome.COMPLETED, verdict
                assert [cause for cause, _ in verdict.also_seen] == [Cause.RESTART_REQUESTED]
                # Its QEMU has stayed, and answers again.
                armed(machine)
        finally:
            domain.destroy()
            domain.undefine()

    def test_paused_by_somebody(self, on_daemon: Lab, virsh: libvirt.virConnect) -> None:
        machine = on_daemon.boot(OBEDIENT)
        armed(machine)
        other(virsh, machine).suspend()
        verdict = press(machine)
        assert (verdict.outcome, verdict.cause) == (Outcome.HOST_FAULT, Cause.HOST_FAULT)
        assert "virsh resume" in verdict.remedy


class TestAttaching:
    def test_it_looks_presses_and_leaves_it_running(self, on_daemon: Lab) -> None:
        guest = on_daemon.boot(IGNORING)
        armed(guest)
        for name in (f"powerdown-boot-sector-{guest._handle.uuid[:8]}", guest._handle.uuid):
            with attached(on_daemon, name) as machine:
                assert machine.pid == guest.pid
                assert machine.vcpus == 1
                assert machine.started_at < now()
                assert abs(machine.started_at - guest.started_at) < 5
                assert machine.probe_pm1().button_armed
        assert guest.run_state() is RunState.RUNNING

    def test_a_sleeper(self, on_daemon: Lab) -> None:
        guest = on_daemon.boot(SLEEPY)
        guest.events.expect(named("SUSPEND"), Deadline.after(20), "its sleep")
        with attached(on_daemon, guest._handle.uuid) as machine:
            verdict = press(machine)
        assert (verdict.outcome, verdict.cause) == (Outcome.SUSPENDED, Cause.ASLEEP)

    def test_off_or_never_there(
        self, on_daemon: Lab, virsh: libvirt.virConnect, daemon: Daemon
    ) -> None:
        domain = define(virsh, on_daemon, HUNG)
        name = domain.name()
        try:
            with pytest.raises(MachineError, match=r"shut off: .*\. Start it: virsh start"):
                attach_domain(daemon.uri, name, BUDGETS)
            domain.create()
            domain.destroy()
            with pytest.raises(MachineError, match=r"shut off: it was forced off"):
                attach_domain(daemon.uri, name, BUDGETS)
            with pytest.raises(
                MachineError, match=rf"no domain has that name .* there are: .*{name}"
            ):
                attach_domain(daemon.uri, "absent", BUDGETS)
        finally:
            domain.undefine()

    def test_undefined_while_it_runs_it_can_still_be_pressed(
        self, on_daemon: Lab, virsh: libvirt.virConnect
    ) -> None:
        domain = define(virsh, on_daemon, OBEDIENT)
        domain.create()
        with attached(on_daemon, domain.name()) as machine:
            armed(machine)
            domain.undefine()
            assert press(machine).outcome is Outcome.COMPLETED


def _connections_to(daemon: Daemon | None) -> list[socket.socket]:
    """This process's ends of connections to a daemon."""
    assert daemon is not None
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            end = socket.socket(fileno=int(link.name))
        except OSError:
            continue
        try:
            peer = end.getpeername()
        except OSError:
            peer = None
        if peer == str(daemon.socket):
            found.append(socket.socket(fileno=_duplicate(end)))
        end.detach()
    return found


def _duplicate(end: socket.socket) -> int:
    copy = end.dup()
    return copy.detach()
