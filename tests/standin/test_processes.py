import pytest
from standin.errors import Win32Error
from standin.processes import SYSTEM_USER

WINDOW = {"visible": True, "title": "Untitled"}


def test_a_program_with_a_window_stays_and_one_without_ends(machine):
    processes = machine.boot().processes
    path = machine.program(kind="application", window=WINDOW, run=[{"write": "C:\\a", "text": "1"}])
    stays = processes.start(path, [], 1, "STANDIN\\tester")
    ends = processes.start(machine.program("C:\\t\\b.exe", kind="application"))
    assert (stays.name, stays.title, stays.session_id) == ("app.exe", "Untitled", 1)
    assert stays in processes.list()
    assert not ends.alive
    assert ends.user == SYSTEM_USER


def test_run_actions_go_on_beside_the_rest(machine):
    processes = machine.boot().processes
    path = machine.program(
        kind="application",
        run=[{"repeat": "%1", "actions": [{"wait_ms": 250}, {"write": "C:\\n", "text": "%i"}]}],
    )
    process = processes.start(path, ["2"])
    machine.clock.await_waiters(1)
    assert machine.read("C:\\n") is None
    machine.clock.advance(0.25)
    machine.clock.await_waiters(1)
    machine.clock.advance(0.25)
    machine.clock.until(lambda: not process.alive)
    assert machine.read("C:\\n") == "2"


def test_killing_stops_the_actions(machine):
    processes = machine.boot().processes
    path = machine.program(
        kind="application", run=[{"wait_ms": 1000}, {"write": "C:\\late", "text": ""}]
    )
    process = processes.start(path)
    machine.clock.await_waiters(1)
    processes.kill(process.pid)
    machine.clock.await_waiters(0)
    assert process.exit_code == 1
    assert machine.read("C:\\late") is None
    assert process not in processes.list()


def test_what_may_not_be_killed(machine):
    processes = machine.boot().processes
    (winlogon,) = [p for p in processes.list() if p.name == "winlogon.exe"]
    for pid, code in ((winlogon.pid, 5), (4, 5), (99_999, 87)):
        with pytest.raises(Win32Error) as refused:
            processes.kill(pid)
        assert refused.value.code == code
    assert winlogon.alive


def test_what_is_no_program(machine):
    processes = machine.boot().processes
    machine.volume.write("C:\\t\\text.exe", b"MZ no")
    for path, code in (("C:\\t\\text.exe", 193), ("C:\\t\\none.exe", 2), ("E:\\x.exe", 3)):
        with pytest.raises(Win32Error) as refused:
            processes.start(path)
        assert refused.value.code == code


def test_a_service_program_run_by_hand_ends_at_once(machine):
    path = machine.program(kind="service", run=[{"write": "C:\\a", "text": ""}])
    process = machine.boot().processes.start(path)
    assert process.exit_code == 1063
    assert machine.read("C:\\a") is None


def test_windows_appear_on_the_desktop_and_go(machine):
    system = machine.boot()
    bare = bytes(machine.frame.pixels)
    process = system.processes.start(machine.program(kind="application", window=WINDOW), session=1)
    assert bytes(machine.frame.pixels) != bare
    system.processes.kill(process.pid)
    assert bytes(machine.frame.pixels) == bare
