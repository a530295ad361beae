"""A modelled machine on a plain directory, with a clock that moves only when told to."""

from __future__ import annotations

import json
import struct
import threading
from datetime import UTC, datetime, timedelta

from standin.framebuffer import MemoryFramebuffer
from standin.hardware import Hardware
from standin.screen import Screen
from standin.system import System
from standin.volume import Volume

# How long a test waits for another thread before it calls the thread stuck.
PATIENCE = 10.0


class ManualClock:
    """A clock whose time a test moves. Threads that wait are counted."""

    def __init__(self):
        self._changed = threading.Condition()
        self._time = 0.0
        self._waits = []

    def now(self):
        return datetime(2026, 3, 1, 9, 30, tzinfo=UTC) + timedelta(seconds=self._time)

    def monotonic(self):
        return self._time

    def notify(self):
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, predicate, timeout=None):
        with self._changed:
            deadline = float("inf") if timeout is None else self._time + timeout
            entry = (predicate, deadline)
            self._waits.append(entry)
            self._changed.notify_all()
            try:
                while not predicate() and self._time < deadline:
                    self._changed.wait(PATIENCE)
                return bool(predicate())
            finally:
                self._waits.remove(entry)
                self._changed.notify_all()

    def await_waiters(self, count):
        """Wait, in real time, until exactly ``count`` threads have to wait on this clock."""
        self.until(lambda: self._waiting() == count, lambda: f"{self._waiting()} wait, not {count}")

    def until(self, predicate, complaint=lambda: "it did not happen"):
        """Wait, in real time, for something that other threads bring about."""
        with self._changed:
            assert self._changed.wait_for(predicate, PATIENCE), complaint()

    def _waiting(self):
        return sum(self._time < end and not predicate() for predicate, end in self._waits)

    def advance(self, seconds):
        with self._changed:
            self._time += seconds
            self._changed.notify_all()


class NotedHardware(Hardware):
    """Notes what the model asks of its machine.

    :ivar calls: in order: "suspend", "panic", "burn_cpus".
    """

    def __init__(self, suspend=None):
        self._suspend = suspend or (lambda: None)
        self.calls = []

    def suspend(self):
        self.calls.append("suspend")
        self._suspend()

    def panic(self):
        self.calls.append("panic")

    def burn_cpus(self):
        self.calls.append("burn_cpus")


class Machine:
    """A volume that can be booted again and again."""

    def __init__(self, root):
        self.volume = Volume(root)
        self.log = []

    def boot(self, *, dirty=False, suspend=None):
        self.clock = ManualClock()
        self.frame = MemoryFramebuffer(320, 240)
        self.hardware = NotedHardware(suspend)
        self.system = System(
            self.volume,
            clock=self.clock,  # type: ignore[arg-type]
            screen=Screen(self.frame),
            hardware=self.hardware,
            log=self.log.append,
        )
        self.system.boot(volume_was_dirty=dirty)
        self.system.start_services()
        return self.system

    def ended(self):
        """Wait, in real time, for the shutdown's end; its kind."""
        done = threading.Event()
        result = []

        def wait():
            result.append(self.system.wait())
            done.set()

        threading.Thread(target=wait, daemon=True).start()
        assert done.wait(PATIENCE), f"no end; {self.log}"
        return result[0]

    def ids(self, since=0):
        """Event ids in order, after record ``since``."""
        return [e.event_id for e in self.system.event_log.events() if e.record_id > since]

    def last_record(self):
        return self.system.event_log.events()[-1].record_id

    def program(self, name="C:\\t\\app.exe", **declaration):
        """Put a declared program on the volume; its path."""
        self.volume.write(name, make_pe(json.dumps({"format": 1, **declaration}).encode()))
        return name

    def read(self, path):
        host = self.volume.path(path)
        return host.read_text() if host.exists() else None


def make_pe(declaration, *, name=b".pdprog\0", padding=64):
    """The smallest PE file that carries a declaration."""
    content = declaration + b"\0" * padding
    headers = bytearray(512)
    headers[:2] = b"MZ"
    struct.pack_into("<I", headers, 0x3C, 0x80)
    headers[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<HH", headers, 0x84, 0x8664, 2)
    struct.pack_into("<H", headers, 0x94, 0xF0)
    table = 0x98 + 0xF0
    struct.pack_into("<8sIIII", headers, table, b".text\0\0\0", 0, 0x1000, 0, 512)
    struct.pack_into("<8sIIII", headers, table + 40, name, len(content), 0x2000, len(content), 512)
    return bytes(headers) + content
