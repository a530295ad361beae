"""QEMUs that somebody else has started, by hand, with nothing but a QMP socket."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.images.image import Budgets
from powerdown.machine.events import MONITOR_LOST, PROCESS_EXIT, named
from powerdown.machine.external.external_qemu import ExternalQemu
from powerdown.machine.external.qmp_socket import QmpAddress
from powerdown.machine.protocol import RunState
from powerdown.shutdown.forced_shutdown import cut_power
from powerdown.shutdown.observation import QEMU_LINGERS, Command
from powerdown.shutdown.qemu_end import with_qemu_end
from powerdown.shutdown.soft_shutdown import press_power_button
from tests.support.boot_sector import (
    HUNG,
    IGNORING,
    OBEDIENT,
    OFF_AT_ONCE,
    REBOOTING,
    UNARMED,
    boot_image,
)
from tests.support.hand_started_qemu import qemu_by_hand
from tests.support.real_qemu import armed

pytestmark = pytest.mark.guest

BUDGETS = Budgets(boot=20, reaction=1, shutdown_soft=5, shutdown_hard=6, settle=0)
SECONDS = 20.0

Start = Callable[..., subprocess.Popen[bytes]]
Attach = Callable[..., ExternalQemu]
ALSO_ON_TCP = ("-qmp", "tcp:127.0.0.1:0,server=on,wait=off")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "q.sock"


@pytest.fixture
def start(tmp_path: Path, place: Path) -> Iterator[Start]:
    """Starts a boot sector by hand."""
    with ExitStack() as running:

        def started(
            code: bytes, *arguments: str, as_user: tuple[str, ...] = ()
        ) -> subprocess.Popen[bytes]:
            disk = boot_image(tmp_path, code).disk.path
            qemu = qemu_by_hand(disk, place, *arguments, as_user=as_user)
            return running.enter_context(qemu)

        yield started


@pytest.fixture
def attach(tmp_path: Path, place: Path) -> Iterator[Attach]:
    machines: list[ExternalQemu] = []

    def attached(address: str = "") -> ExternalQemu:
        where = QmpAddress.parse(address or str(place))
        machines.append(ExternalQemu(where, BUDGETS, tmp_path / "qmp.jsonl"))
        return machines[-1]

    yield attached
    for machine in machines:
        machine.close()
        machine.close()


def exited(machine: ExternalQemu) -> list[str]:
    assert machine.events.wait(named(PROCESS_EXIT), Deadline.after(SECONDS)) is not None
    return [event.name for event in machine.events.since()]


def state_of(attach: Attach) -> RunState:
    """What somebody finds who comes later."""
    machine = attach()
    state = machine.run_state()
    machine.close()
    return state


def test_what_is_known_of_a_stranger(start: Start, attach: Attach, tmp_path: Path) -> None:
    before = now()
    qemu = start(HUNG, "-name", "by hand", "-smp", "2")
    machine = attach()
    armed(machine)
    assert (machine.name, machine.vcpus, machine.pid) == ("by hand", 2, qemu.pid)
    # The kernel counts in hundredths of a second.
    assert before - 0.02 <= machine.started_at <= now()
    assert machine.activity().cpu_seconds > 0
    assert machine.screenshot(tmp_path / "screen.png").stat().st_size > 0
    assert not machine.sample_screen().dark
    left = machine._execute("query-fdsets")
    assert left == []


def test_without_a_name_it_is_called_by_its_socket(
    start: Start, attach: Attach, place: Path
) -> None:
    start(HUNG)
    assert attach().name == str(place)


def test_no_last_words_are_lost_over_one_connection(
    start: Start, attach: Attach, place: Path
) -> None:
    for _ in range(12):
        place.unlink(missing_ok=True)
        start(OBEDIENT)
        machine = attach()
        armed(machine)
        machine.press_power_button()
        # Commands are under way whenever it ends.
        while machine.events.exit is None:
            with suppress(MachineError):
                machine.run_state()
        assert exited(machine)[-3:] == ["POWERDOWN", "SHUTDOWN", PROCESS_EXIT]
        assert machine.events.exit.data == {}
        assert machine.pid is None
        machine.close()


def test_a_press_is_judged_as_on_a_machine_of_our_own(start: Start, attach: Attach) -> None:
    start(OBEDIENT)
    machine = attach()
    armed(machine)
    seen = with_qemu_end(press_power_button(machine, None, is_conclusive=is_conclusive), machine)
    verdict = diagnose(seen)
    assert (verdict.outcome, verdict.cause, verdict.also_seen) == (
        Outcome.COMPLETED,
        Cause.NONE,
        (),
    )


def test_a_qemu_that_was_told_to_stay_is_not_called_a_lingerer(
    start: Start, attach: Attach
) -> None:
    start(OBEDIENT, "-no-shutdown")
    machine = attach()
    armed(machine)
    seen = with_qemu_end(press_power_button(machine, None, is_conclusive=is_conclusive), machine)
    assert diagnose(seen).outcome is Outcome.COMPLETED
    assert diagnose(seen).also_seen == ()
    assert [e.name for e in seen.events if e.name in ("SHUTDOWN", "STOP", QEMU_LINGERS)] == [
        "SHUTDOWN",
        "STOP",
    ]
    machine.close()
    assert state_of(attach) is RunState.SHUTDOWN


def test_a_restart_of_a_qemu_that_was_told_not_to_reboot(start: Start, attach: Attach) -> None:
    start(REBOOTING, "-no-reboot")
    machine = attach()
    armed(machine)
    seen = with_qemu_end(press_power_button(machine, None, is_conclusive=is_conclusive), machine)
    assert seen.event("RESET") is None
    assert diagnose(seen).outcome is Outcome.RESTARTED_INSTEAD
    assert any("-no-reboot" in told.fact for told in diagnose(seen).evidence)


def test_a_guest_that_powers_off_by_itself_is_seen_to(start: Start, attach: Attach) -> None:
    start(OFF_AT_ONCE, "-S")
    machine = attach()
    assert machine.run_state() is RunState.PRELAUNCH
    machine.resume()
    assert exited(machine)[-2:] == ["SHUTDOWN", PROCESS_EXIT]


def test_qemu_serves_one_at_a_time(start: Start, attach: Attach) -> None:
    start(HUNG)
    machine = attach()
    with pytest.raises(MachineError, match="another client is connected") as error:
        attach()
    assert "--domain" in error.value.remedy
    assert machine.run_state() is RunState.RUNNING
    machine.close()
    assert state_of(attach) is RunState.RUNNING


def test_it_is_left_as_it_was_found(start: Start, attach: Attach) -> None:
    start(HUNG)
    machine = attach()
    machine.pause()
    machine.close()
    assert state_of(attach) is RunState.RUNNING
    machine = attach()
    machine._execute("stop")
    machine.close()
    # Somebody else has paused it: it stays so.
    machine = attach()
    machine.pause()
    machine.close()
    assert state_of(attach) is RunState.PAUSED


def test_a_connection_that_is_lost_is_not_the_guests_fault(start: Start, attach: Attach) -> None:
    qemu = start(IGNORING)
    machine = attach()
    armed(machine)

    def cut_the_line(seen: object) -> None:
        machine._relay.close()

    seen = press_power_button(machine, None, is_conclusive=is_conclusive, listener=cut_the_line)
    verdict = diagnose(seen)
    assert (verdict.outcome, verdict.cause) == (Outcome.HOST_FAULT, Cause.HOST_FAULT)
    lost = machine.events.first(named(MONITOR_LOST))
    assert lost is not None
    assert lost.data["qemu"] == "it goes on"
    assert machine.events.exit is None
    with pytest.raises(MachineError, match="the connection to QEMU is lost"):
        machine.run_state()
    # Its end is still seen.
    qemu.kill()
    assert exited(machine)[-1] == PROCESS_EXIT


def test_a_qemu_that_is_killed_is_a_fault_of_the_host(start: Start, attach: Attach) -> None:
    qemu = start(IGNORING)
    machine = attach()
    armed(machine)
    seen = press_power_button(
        machine, None, is_conclusive=is_conclusive, listener=lambda seen: qemu.kill()
    )
    assert diagnose(seen).outcome is Outcome.HOST_FAULT
    assert exited(machine)[-1] == PROCESS_EXIT
    assert machine.events.first(named("SHUTDOWN", MONITOR_LOST)) is None


@pytest.mark.parametrize(("way", "reason"), [(Command.QUIT, "host-qmp-quit"), (Command.KILL, None)])
def test_its_power_can_be_cut(
    start: Start, attach: Attach, way: Command, reason: str | None
) -> None:
    qemu = start(HUNG)
    machine = attach()
    seen = cut_power(machine, way)
    assert diagnose(seen).outcome is Outcome.FORCED_OFF
    off = seen.event("SHUTDOWN")
    assert (None if off is None else off.data["reason"]) == reason
    assert qemu.wait(SECONDS) == (0 if reason else -9)


def test_over_tcp_less_is_seen_and_nothing_breaks(start: Start, attach: Attach) -> None:
    start(OBEDIENT, *ALSO_ON_TCP)
    port = _tcp_port(attach)
    machine = attach(f"127.0.0.1:{port}")
    armed(machine)
    assert machine.pid is None
    with pytest.raises(MachineError, match="UNIX socket"):
        machine.activity()
    # Into a directory that both can reach.
    assert not machine.sample_screen().dark
    seen = press_power_button(machine, None, is_conclusive=is_conclusive)
    assert diagnose(seen).outcome is Outcome.COMPLETED
    assert exited(machine)[-2:] == ["SHUTDOWN", PROCESS_EXIT]


def test_a_stranger_on_tcp_that_is_killed_has_ended(start: Start, attach: Attach) -> None:
    qemu = start(HUNG, *ALSO_ON_TCP)
    machine = attach(f"127.0.0.1:{_tcp_port(attach)}")
    qemu.kill()
    qemu.wait(SECONDS)
    assert exited(machine) == [PROCESS_EXIT]


def test_a_line_on_tcp_that_is_lost_tells_nothing_of_the_guest(
    start: Start, attach: Attach
) -> None:
    start(UNARMED, *ALSO_ON_TCP)
    machine = attach(f"127.0.0.1:{_tcp_port(attach)}")
    machine._relay.close()
    lost = machine.events.wait(named(MONITOR_LOST), Deadline.after(SECONDS))
    assert lost is not None
    assert lost.data == {"for_good": True, "qemu": "unknown"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a QEMU as somebody else")
def test_a_qemu_of_another_user_shows_its_screen(
    start: Start, attach: Attach, tmp_path: Path
) -> None:
    # Where that user can read the disk and make a socket.
    tmp_path.chmod(0o777)
    for directory in tmp_path.parents:
        if directory == Path(tempfile.gettempdir()):
            break
        directory.chmod(directory.stat().st_mode | 0o011)
    qemu = start(HUNG, as_user=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
    machine = attach()
    armed(machine)
    assert machine.pid == qemu.pid
    assert not machine.sample_screen().dark
    # Also by the other way, should QEMU not take files.
    machine._screen._passes_fds = False
    assert not machine.sample_screen().dark


def test_nothing_is_left_in_a_qemu_whose_guest_is_stopped(start: Start, attach: Attach) -> None:
    qemu = start(HUNG, "-S")
    machine = attach()

    def files() -> list[Path]:
        opened = Path(f"/proc/{qemu.pid}/fd").iterdir()
        return [file for file in opened if "screen" in str(file.readlink())]

    for _ in range(2):
        machine.sample_screen()
    assert files() == []
    # A QEMU that cannot see this host's files must be handed one, which it keeps until it runs.
    machine._screen._local = False
    machine.sample_screen()
    (kept,) = files()
    assert kept.stat().st_size == 0


def _tcp_port(attach: Attach) -> int:
    """Which port the kernel has chosen, asked over the other monitor."""
    machine = attach()
    answer = machine._execute("query-chardev")
    machine.close()
    assert isinstance(answer, list)
    name = next(str(c["filename"]) for c in answer if "127.0.0.1" in str(c["filename"]))
    return int(name.partition(",")[0].rpartition(":")[2])
