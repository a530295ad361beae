"""The update goes on file by file, is completed by an orderly shutdown and cut off by any other."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.guest.probe_programs import UPDATER, compile_probe, declared_behaviour
from tests.guest.wine.oracle import writes
from tests.guest.wine.service import (
    PRESHUTDOWN,
    SERVICE_RUNNING,
    SERVICE_STOP_PENDING,
    SERVICE_STOPPED,
    Service,
    accepted,
)
from tests.guest.wine.session import POLL_SECONDS, STEP_SECONDS, WINE_MARKS, Wine
from tests.support.wine_types import InstallService, OpenManager

pytestmark = WINE_MARKS


class Update:
    """The updater as a service of its own, and what its JSON says about its files."""

    def __init__(
        self, wine: Wine, install_service: InstallService, directory: str, components: int
    ) -> None:
        self.wine = wine
        self.service: Service = install_service(UPDATER, directory, "2.0", str(components), "300")
        self.declared = writes(self.service.behaviour["run"], self.service.arguments)
        self.paths = list(dict.fromkeys(path for path, _, _ in self.declared))
        self.wait_seconds = sum(wait for _, _, wait in self.declared) / 1000
        for path in self.paths:
            if "component" in path:
                file = wine.file(path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("1.0")
        self.initial = self.files()

    def files(self) -> dict[str, str | None]:
        return {path: self.wine.read(path) for path in self.paths}

    def after(self, steps: int) -> dict[str, str | None]:
        """The files after so many of the declared writes."""
        return self.initial | {path: text for path, text, _ in self.declared[:steps]}

    def progress(self) -> int | None:
        """How many writes are done; ``None`` in the moment a file is being replaced."""
        files = self.files()
        if "" in files.values():
            return None
        # The last match: the state is "installing" again and again, but components only grow.
        done = [n for n in range(len(self.declared) + 1) if self.after(n) == files]
        assert done, f"no order of the declared writes gives {files}"
        return done[-1]

    def wait_for(self, steps: int) -> list[int]:
        """Every progress seen until so many writes were done."""
        deadline = Deadline.after(STEP_SECONDS + self.wait_seconds)
        seen: list[int] = []
        while not seen or seen[-1] < steps:
            assert not deadline.expired, f"{steps} writes expected, seen {seen}"
            now_done = self.progress()
            if now_done is not None and now_done not in seen[-1:]:
                seen.append(now_done)
            time.sleep(POLL_SECONDS)  # Nothing announces a file.
        return seen


@pytest.fixture
def update(wine: Wine, install_service: InstallService, place: str) -> Update:
    return Update(wine, install_service, place, components=5)


@pytest.fixture
def long_update(wine: Wine, install_service: InstallService, place: str) -> Update:
    """One that is still under way when a busy host gets round to interrupting it."""
    return Update(wine, install_service, place, components=30)


def test_the_update_replaces_component_after_component(update: Update) -> None:
    update.service.start()
    seen = update.wait_for(2)
    assert update.service.status() == (SERVICE_RUNNING, accepted(update.service.behaviour))
    seen += update.wait_for(len(update.declared))

    assert seen == sorted(seen)
    assert len(set(seen)) > 3, f"half-way states were expected, seen {seen}"
    assert update.files() == update.after(len(update.declared))
    # Each file's time of writing shows the declared wait before the next one.
    component_waits = [(path, wait) for path, _, wait in update.declared if wait]
    last = update.declared[-1][0]
    following = [path for path, _ in component_waits[1:]] + [last]
    for (path, wait), after in zip(component_waits, following, strict=True):
        written = update.wine.file(path).stat().st_mtime
        between = update.wine.file(after).stat().st_mtime - written
        assert between >= wait / 1000 - 0.02, f"{path} to {after}"


def test_the_update_asks_for_the_declared_time_at_shutdown(update: Update) -> None:
    update.service.start()
    update.wait_for(1)
    declared = update.service.behaviour["preshutdown_timeout_ms"]
    assert update.service.preshutdown_timeout() == declared


@pytest.mark.parametrize("way", ["power is cut", "the service is stopped"])
def test_an_interrupted_update_leaves_a_mix(wine: Wine, long_update: Update, way: str) -> None:
    service = long_update.service
    service.start()
    long_update.wait_for(3)
    if way == "power is cut":
        wine.power_cut()
    else:
        assert service.behaviour["on_stop"] == "stop"
        service.stop()

    # It goes no further: watched for longer than one component takes.
    left = long_update.files()
    watched = Deadline.after(2.5 * max(wait for _, _, wait in long_update.declared) / 1000)
    while not watched.expired:
        assert long_update.files() == left
        time.sleep(POLL_SECONDS)
    components = [text for path, text in left.items() if "component" in path]
    assert set(components) == {"1.0", "2.0"}
    done = long_update.progress()
    assert done is not None
    assert 3 <= done < len(long_update.declared)
    if way == "the service is stopped":
        assert service.status()[0] == SERVICE_STOPPED


def test_the_update_is_completed_before_the_service_stops_at_preshutdown(
    wine: Wine, compiled: Path, open_manager: OpenManager, place: str
) -> None:
    behaviour = declared_behaviour(compile_probe(UPDATER, compiled))
    assert behaviour["on_preshutdown"] == "finish"
    arguments = [place, "2.0", "6", "150"]
    manager = open_manager(UPDATER, *arguments)
    deadline = Deadline.after(STEP_SECONDS)
    while wine.read(place + "\\component-1.txt") != "2.0":
        assert not deadline.expired, "no component is replaced"
        time.sleep(POLL_SECONDS)  # Nothing announces a file.

    assert manager.send(PRESHUTDOWN) == 0
    manager.wait_for_state(SERVICE_STOPPED)

    statuses = manager.statuses()
    running = statuses.index((SERVICE_RUNNING, 0, accepted(behaviour), 0))
    ending = statuses[running + 1 : -1]
    # At once on the control, then progress with every component that was still to do.
    assert [status[:2] for status in ending] == [
        (SERVICE_STOP_PENDING, check_point) for check_point in range(len(ending))
    ]
    assert len(ending) >= 3
    for path, text, _ in writes(behaviour["run"][-2:], arguments):
        assert wine.read(path) == text
