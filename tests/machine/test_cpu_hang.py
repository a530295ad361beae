"""Hanging CPUs, against a scripted QEMU and its GDB stub."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.cpu_hang import hang_cpus
from powerdown.machine.gdb_remote import GdbRemote, frame


def cpu(
    index: int = 0,
    address: int = 0x1000,
    *,
    privilege: int = 0,
    halted: bool = False,
    management: bool = False,
    flags: int = 0x246,
) -> str:
    """One CPU as QEMU prints it."""
    return (
        f"\nCPU#{index}\n"
        f"RIP={address:016x} RFL={flags:08x} [---Z-P-] CPL={privilege} II=0 A20=1 "
        f"SMM={management:d} HLT={halted:d}\n"
        "CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\n"
    )


class StubbedQemu:
    """Prints one scene of registers after the other, the last one for ever; its stub says OK."""

    def __init__(self, *scenes: str, stub: str = "OK", opens: bool = True) -> None:
        self._scenes = list(scenes)
        self._stub = stub
        self._opens = opens
        self.packets: list[str] = []
        self.commands: list[str] = []
        self.continued = 0

    def pass_fd(self, name: str, end: socket.socket, deadline: Deadline) -> None:
        threading.Thread(target=self._serve, args=(end.dup(),), daemon=True).start()

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        self.commands.append(command)
        return {}

    def human(self, command_line: str, deadline: Deadline) -> str:
        if command_line == "info registers -a":
            return self._scenes.pop(0) if len(self._scenes) > 1 else self._scenes[0]
        self.commands.append(command_line)
        return "Waiting for gdb connection" if self._opens else "Could not open gdbserver"

    def hang(self, seconds: float = 10.0) -> list[str]:
        hang_cpus(self, Deadline.after(seconds))  # type: ignore[arg-type]
        return [packet for packet in self.packets if packet != "D"]

    def _serve(self, end: socket.socket) -> None:
        with end:
            running = False
            while received := end.recv(4096):
                if received == b"\x03" and running:
                    running = False
                    end.sendall(frame(b"T02thread:01;"))
                for packet in received.split(b"$")[1:]:
                    content = packet.partition(b"#")[0].decode()
                    if content == "c":
                        running = True
                        self.continued += 1
                        continue
                    if content[0] != "q":
                        self.packets.append(content)
                    end.sendall(b"+" + frame(self._stub.encode() if content != "D" else b"OK"))


SPIN = "M1000,2:ebfe"
MASK = "P11=46000000"


def test_a_kernel_spins_at_once_with_interrupts_off() -> None:
    qemu = StubbedQemu(cpu())
    assert qemu.hang() == ["Hg1", MASK, SPIN]
    assert qemu.packets[-1] == "D"
    assert qemu.commands == ["chardev-add", "gdbserver chardev:debugger", "gdbserver none"]
    assert qemu.continued == 0


@pytest.mark.parametrize("before", [cpu(privilege=3), cpu(management=True)])
def test_a_program_or_firmware_runs_on_until_the_kernel_does(before: str) -> None:
    qemu = StubbedQemu(before, before, cpu(address=0x2000))
    assert qemu.hang() == ["Hg1", MASK, "M2000,2:ebfe"]
    assert qemu.continued == 2


def test_a_program_that_never_leaves_is_hung_where_it_is() -> None:
    begun = now()
    assert StubbedQemu(cpu(privilege=3)).hang(0.4) == ["Hg1", MASK, SPIN]
    assert 0.2 <= now() - begun < 2


def test_one_that_sleeps_is_caught_where_it_wakes() -> None:
    qemu = StubbedQemu(cpu(halted=True), cpu())
    assert qemu.hang() == ["Z1,1000,1", "z1,1000,1", "Hg1", MASK, SPIN]


def test_one_that_sleeps_on_sleeps_for_ever_and_no_memory_is_written() -> None:
    packets = StubbedQemu(cpu(halted=True)).hang(0.4)
    assert packets[-2:] == ["Hg1", MASK]
    assert not any(packet.startswith("M") for packet in packets)


def test_one_that_nothing_can_wake_is_left_asleep() -> None:
    qemu = StubbedQemu(cpu(halted=True, flags=0x46))
    assert qemu.hang() == ["Hg1", MASK]
    assert qemu.continued == 0


def test_each_cpu_is_hung_once_and_none_is_caught_where_another_spins() -> None:
    qemu = StubbedQemu(
        cpu(0, 0x1000) + cpu(1, 0x1000, halted=True) + cpu(2, 0x3000, halted=True),
        cpu(0, 0x1000, flags=0x46) + cpu(1, 0x1000) + cpu(2, 0x3000),
    )
    assert qemu.hang() == [
        *("Hg1", MASK, SPIN),
        *("Z1,3000,1", "z1,3000,1"),
        *("Hg2", MASK, SPIN),
        *("Hg3", MASK, "M3000,2:ebfe"),
    ]


def test_a_stub_that_refuses_leaves_the_guest_running_and_nothing_open() -> None:
    qemu = StubbedQemu(cpu(), stub="E22")
    with pytest.raises(MachineError, match="'E22' to Hg1"):
        qemu.hang()
    assert qemu.commands[-3:] == ["gdbserver none", "cont", "chardev-remove"]


def test_a_stub_that_does_not_open() -> None:
    qemu = StubbedQemu(cpu(), opens=False)
    with pytest.raises(MachineError, match="Could not open gdbserver"):
        qemu.hang()
    assert "cont" in qemu.commands


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "closed the connection"),
        (b"+$OK#00", "checksum"),
        (b"+$" + b"x" * (1 << 17), "more than"),
    ],
)
def test_answers_that_are_none(sent: bytes, said: str) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        writer = threading.Thread(target=send_and_close, args=(theirs, sent), daemon=True)
        writer.start()
        with pytest.raises(MachineError, match=said):
            GdbRemote(ours, Deadline.after(5)).request("?")
    writer.join(5)


def send_and_close(end: socket.socket, data: bytes) -> None:
    with end:
        try:
            end.sendall(data)
            end.shutdown(socket.SHUT_WR)
            end.recv(4096)
        except OSError:
            return


def test_no_answer_at_all() -> None:
    ours, theirs = socket.socketpair()
    begun = now()
    with ours, theirs, pytest.raises(MachineError, match="did not answer"):
        GdbRemote(ours, Deadline.after(0.2)).request("?")
    assert now() - begun < 2
