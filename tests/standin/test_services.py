import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin.built_in_services import BUILT_IN
from standin.errors import Win32Error
from standin.registry import RegistryType, RegistryValue
from standin.service import ServiceState
from standin.service_database import CONTROL_KEY, SERVICES_KEY
from standin.service_recovery import NONE, RESTART, Action, decode, encode

FOREVER = [{"repeat": 4_000_000_000, "actions": [{"wait_ms": 1000}]}]


def service(machine, name="Probe", *, start=True, preshutdown_ms=None, image=None, **declaration):
    """Create a service with a declared program, and start it."""
    path = machine.program(f"C:\\t\\{name}.exe", kind="service", **declaration)
    services = machine.system.services
    services.create(name, image or path, display_name=f"{name} display")
    if preshutdown_ms is not None:
        services.set_preshutdown_timeout(name, preshutdown_ms)
    return services.start(name) if start else services.get(name)


def in_background(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def finish(thread):
    thread.join(10)
    assert not thread.is_alive()


def overruns(machine):
    return [e.data for e in machine.system.event_log.events() if e.event_id == 7043]


def test_what_starts_at_boot(machine):
    services = machine.boot().services
    assert services.get("winrm").state == ServiceState.RUNNING
    assert services.get("EventLog").accepts == {"shutdown"}
    assert services.get("wuauserv").state == ServiceState.STOPPED


def test_starting_and_stopping(machine):
    services = machine.boot().services
    services.start("wuauserv")
    assert services.get("WUAUSERV").accepts == {"stop", "preshutdown"}
    services.stop("wuauserv")
    assert services.get("wuauserv").stopped


@pytest.mark.parametrize(
    ("verb", "name", "code"),
    [("start", "none", 1060), ("start", "WinRM", 1056), ("stop", "wuauserv", 1062),
     ("stop", "EventLog", 1052), ("stop", "none", 1060), ("delete", "none", 1060)],
)  # fmt: skip
def test_what_the_manager_refuses(machine, verb, name, code):
    services = machine.boot().services
    with pytest.raises(Win32Error) as refused:
        getattr(services, verb)(name)
    assert refused.value.code == code


def test_a_program_as_a_service(machine):
    machine.boot()
    probe = service(
        machine, image='"C:\\t\\Probe.exe" C:\\out', accepts=["stop"], run=[
            {"write": "%1\\a.txt", "text": "%2"}, *FOREVER
        ]
    )  # fmt: skip
    machine.clock.await_waiters(1)
    assert probe.state == ServiceState.RUNNING
    assert machine.read("C:\\out\\a.txt") == ""
    assert probe.pid > 0
    machine.system.services.stop("Probe")
    machine.clock.await_waiters(0)
    assert (probe.state, probe.pid) == (ServiceState.STOPPED, 0)


def test_a_path_with_spaces_needs_no_quotes(machine):
    machine.boot()
    path = machine.program("C:\\Program Files\\P D\\s.exe", kind="service")
    services = machine.system.services
    services.create("Spaced", f"{path} -x")
    assert services.start("Spaced").process.arguments == ["-x"]


def test_a_service_that_ignores_stop_runs_on(machine):
    machine.boot()
    probe = service(machine, accepts=["stop"], on_stop="ignore")
    machine.system.services.stop("Probe")
    assert probe.state == ServiceState.RUNNING


@pytest.mark.parametrize(
    ("image", "code", "ids"),
    [("C:\\nope.exe", 2, [7000]), ("C:\\t\\text.exe", 193, [7000]),
     ("C:\\t\\app.exe", 1053, [7009, 7000]), ("", 2, [7000])],
)  # fmt: skip
def test_a_broken_service_is_recorded_and_boot_goes_on(machine, image, code, ids):
    machine.boot()
    machine.volume.write("C:\\t\\text.exe", b"text")
    machine.program("C:\\t\\app.exe", kind="application")
    machine.system.services.configure("W32Time", image_path=image)
    with pytest.raises(Win32Error) as refused:
        machine.system.services.stop("W32Time")
        machine.system.services.start("W32Time")
    assert refused.value.code == code
    before = machine.last_record()
    system = machine.boot()
    assert [i for i in machine.ids(before) if i >= 7000] == ids
    last = system.event_log.events()[-1]
    assert last.data == [("param1", "Windows Time"), ("param2", f"%%{code}")]
    assert system.services.get("W32Time").stopped


def test_a_program_that_a_power_cut_damaged_does_not_stop_the_boot(machine, monkeypatch):
    machine.boot()
    service(machine, accepts=["stop"], on_stop="stop", start=False)
    services = machine.system.services
    stat = type(machine.volume.root).stat

    def damaged(path, **options):
        if path.name == "Probe.exe":
            raise OSError(22, "Invalid argument")
        return stat(path, **options)

    monkeypatch.setattr(type(machine.volume.root), "stat", damaged)
    with pytest.raises(Win32Error) as error:
        services.start("Probe")
    assert error.value.code == 5
    assert services.get("Probe").stopped
    assert machine.ids()[-1] == 7000


def test_a_disabled_service(machine):
    machine.boot().services.configure("WinRM", start_type=4)
    services = machine.boot().services
    assert services.get("WinRM").stopped
    with pytest.raises(Win32Error) as refused:
        services.start("WinRM")
    assert refused.value.code == 1058


def test_the_database_outlives_the_boot(machine):
    machine.boot()
    service(machine, start=False, preshutdown_ms=1234)
    found = machine.boot().services.get("Probe")
    assert (found.display_name, found.preshutdown_ms) == ("Probe display", 1234)
    with pytest.raises(Win32Error):
        machine.system.services.create("PROBE", "x")
    machine.system.services.delete("Probe")
    with pytest.raises(Win32Error):
        machine.boot().services.get("Probe")


def test_a_running_service_is_deleted_when_it_stops(machine):
    machine.boot()
    service(machine, accepts=["stop"])
    services = machine.system.services
    services.delete("Probe")
    assert services.get("Probe").marked_for_deletion
    services.stop("Probe")
    with pytest.raises(Win32Error):
        services.get("Probe")
    assert not machine.system.registry.exists(f"{SERVICES_KEY}\\Probe")


def test_a_killed_service_is_recorded(machine):
    machine.boot()
    probe = service(machine, run=FOREVER)
    machine.system.processes.kill(probe.pid)
    assert probe.stopped
    last = machine.system.event_log.events()[-1]
    assert (last.event_id, last.data) == (7034, [("param1", "Probe display"), ("param2", "1")])


def test_attached_services_are_told(machine):
    system = machine.boot()
    told = []
    system.services.attach("WinRM", lambda: told.append("start"), lambda: told.append("stop"))
    system.services.stop("WinRM")
    machine.clock.until(lambda: system.services.get("WinRM").stopped)
    system.services.start("WinRM")
    assert told == ["stop", "start"]


def test_the_shutdown_phase_waits_for_what_is_attached(machine):
    system = machine.boot()
    closed = threading.Event()
    system.services.attach("WinRM", lambda: None, lambda: closed.wait(10))
    phase = in_background(system.services.shutdown)
    machine.clock.await_waiters(1)
    assert system.services.get("WinRM").state == ServiceState.STOP_PENDING
    closed.set()
    finish(phase)
    assert system.services.get("WinRM").stopped


def test_preshutdown_waits_for_work_to_finish(machine):
    machine.boot()
    probe = service(
        machine,
        preshutdown_ms=60_000,
        accepts=["preshutdown"],
        run=[{"wait_ms": 40_000}, {"write": "C:\\done", "text": "yes"}],
    )
    machine.clock.await_waiters(1)
    phase = in_background(machine.system.services.preshutdown)
    machine.clock.await_waiters(2)
    assert probe.state == ServiceState.STOP_PENDING
    machine.clock.advance(40)
    finish(phase)
    assert probe.stopped
    assert machine.read("C:\\done") == "yes"
    assert overruns(machine) == []


def test_preshutdown_gives_up_after_the_services_own_timeout(machine):
    machine.boot()
    probe = service(
        machine, preshutdown_ms=20_000, accepts=["preshutdown"], on_preshutdown="ignore"
    )
    phase = in_background(machine.system.services.preshutdown)
    machine.clock.await_waiters(1)
    machine.clock.advance(19.9)
    machine.clock.await_waiters(1)
    assert phase.is_alive()
    machine.clock.advance(0.2)
    finish(phase)
    assert overruns(machine) == [[("param1", "Probe display")]]
    # It did not heed the control.
    assert probe.state == ServiceState.RUNNING


def test_the_default_preshutdown_timeout_is_ten_seconds(machine):
    machine.boot()
    service(machine, accepts=["preshutdown"], on_preshutdown="ignore")
    phase = in_background(machine.system.services.preshutdown)
    machine.clock.await_waiters(1)
    machine.clock.advance(9.9)
    machine.clock.await_waiters(1)
    assert phase.is_alive()
    machine.clock.advance(0.1)
    finish(phase)


def test_a_timeout_written_by_hand_counts_after_the_next_boot(machine):
    system = machine.boot()
    service(machine, start=False)
    system.registry.set(
        f"{SERVICES_KEY}\\Probe", RegistryValue("PreshutdownTimeout", RegistryType.DWORD, 77)
    )
    assert system.services.get("Probe").preshutdown_ms == 10_000
    assert machine.boot().services.get("Probe").preshutdown_ms == 77


def test_listed_services_come_first_one_by_one(machine):
    machine.boot().registry.set(
        CONTROL_KEY, RegistryValue("PreshutdownOrder", RegistryType.MULTI_SZ, ["Second", "FIRST"])
    )
    machine.boot()
    work = [{"wait_ms": 3_600_000}]
    names = ("First", "Other", "Second")
    probes = {
        name: service(machine, name, accepts=["preshutdown"], preshutdown=work,
                      preshutdown_ms=5000) for name in names
    }  # fmt: skip
    phase = in_background(machine.system.services.preshutdown)
    seen = []
    for count in (2, 3, 4):
        # Who still works, and the manager.
        machine.clock.await_waiters(count)
        seen.append({n for n, p in probes.items() if p.state == ServiceState.STOP_PENDING})
        machine.clock.advance(5)
    finish(phase)
    assert seen == [{"Second"}, {"Second", "First"}, set(names)]


def test_the_shutdown_phase_is_bounded_as_a_whole(machine):
    machine.boot()
    stubborn = [
        service(machine, name, accepts=["stop", "shutdown"], on_stop="ignore", run=FOREVER)
        for name in ("One", "Two")
    ]
    agreeing = service(machine, "Three", accepts=["shutdown"])
    machine.clock.await_waiters(2)
    phase = in_background(machine.system.services.shutdown)
    machine.clock.await_waiters(3)
    assert agreeing.stopped
    assert not any(s.stopped for s in stubborn)
    machine.clock.advance(5)
    finish(phase)
    assert all(s.stopped for s in stubborn)
    assert machine.system.services.get("EventLog").state == ServiceState.RUNNING
    assert overruns(machine) == []


def test_wait_to_kill_service_timeout_is_read_at_boot(machine):
    machine.boot().registry.set(
        CONTROL_KEY, RegistryValue("WaitToKillServiceTimeout", RegistryType.SZ, "12000")
    )
    machine.boot()
    service(machine, accepts=["shutdown"], on_stop="ignore")
    phase = in_background(machine.system.services.shutdown)
    machine.clock.await_waiters(1)
    machine.clock.advance(11.9)
    machine.clock.await_waiters(1)
    assert phase.is_alive()
    machine.clock.advance(0.1)
    finish(phase)


def test_actions_on_preshutdown_are_done_before_the_stop(machine):
    machine.boot()
    probe = service(
        machine,
        preshutdown_ms=60_000,
        accepts=["preshutdown"],
        preshutdown=[{"wait_ms": 5_000}, {"write": "C:\\done", "text": "yes"}],
    )
    phase = in_background(machine.system.services.preshutdown)
    machine.clock.await_waiters(2)
    assert (probe.state, probe.checkpoint) == (ServiceState.STOP_PENDING, 1)
    assert machine.read("C:\\done") is None
    machine.clock.advance(5)
    finish(phase)
    assert probe.stopped
    assert machine.read("C:\\done") == "yes"
    assert overruns(machine) == []


@pytest.mark.parametrize(
    ("declared", "arguments", "timeout"),
    [("%1", "2147483647", 2_147_483_647), ("%1", "9999999999", 4_294_967_295), ("%1", "x", 0),
     (4_294_967_295, "", 4_294_967_295)],
)  # fmt: skip
def test_a_service_sets_its_own_preshutdown_timeout(machine, declared, arguments, timeout):
    machine.boot()
    probe = service(
        machine,
        image=f"C:\\t\\Probe.exe {arguments}",
        accepts=["preshutdown"],
        on_preshutdown="ignore",
        preshutdown_timeout_ms=declared,
    )
    assert probe.preshutdown_ms == timeout
    assert machine.boot().services.get("Probe").preshutdown_ms == timeout


def test_the_longest_timeout_holds_the_phase_for_weeks(machine):
    machine.boot()
    service(machine, start=False, accepts=["preshutdown"], on_preshutdown="ignore")
    machine.system.registry.set(
        f"{SERVICES_KEY}\\Probe",
        RegistryValue("PreshutdownTimeout", RegistryType.DWORD, 2_147_483_647),
    )
    machine.boot().services.start("Probe")
    phase = in_background(machine.system.services.preshutdown)
    machine.clock.await_waiters(1)
    machine.clock.advance(24 * 3600 * 24)
    machine.clock.await_waiters(1)
    assert phase.is_alive()
    machine.clock.advance(24 * 3600)
    finish(phase)
    assert overruns(machine) == [[("param1", "Probe display")]]


def test_a_service_may_stop_when_asked_and_ignore_the_shutdown(machine):
    machine.boot()
    probe = service(machine, accepts=["stop", "shutdown"], on_shutdown="ignore", run=FOREVER)
    phase = in_background(machine.system.services.shutdown)
    machine.clock.await_waiters(2)
    assert probe.state == ServiceState.RUNNING
    machine.clock.advance(5)
    finish(phase)


def test_no_service_is_started_or_stopped_while_they_are_being_ended(machine):
    machine.boot()
    service(machine, accepts=["stop", "preshutdown"], on_preshutdown="ignore")
    services = machine.system.services
    phase = in_background(services.preshutdown)
    machine.clock.await_waiters(1)
    for verb, name in (("start", "wuauserv"), ("stop", "Probe")):
        with pytest.raises(Win32Error) as refused:
            getattr(services, verb)(name)
        assert refused.value.code == 1115
    # But its process can be ended, and then nothing is left to wait for.
    machine.system.processes.kill(services.get("Probe").pid)
    finish(phase)
    assert overruns(machine) == []


def test_services_of_windows_run_in_processes(machine):
    system = machine.boot()
    winrm = system.services.get("WinRM")
    assert winrm.process.name == "svchost.exe"
    told = []
    system.services.attach("WinRM", None, lambda: told.append("stop"))
    system.processes.kill(winrm.pid)
    machine.clock.until(lambda: told == ["stop"])
    assert (winrm.state, winrm.exit_code) == (ServiceState.STOPPED, 1067)
    assert machine.ids()[-1] == 7034


def test_a_crashed_service_is_started_again_where_it_is_configured(machine):
    machine.boot()
    probe = service(machine, run=FOREVER)
    services = machine.system.services
    machine.system.registry.set(
        services.key(probe),
        encode(86_400, [Action(RESTART, 5_000), Action(NONE, 0)]),
    )
    machine.system.processes.kill(probe.pid)
    last = machine.system.event_log.events()[-1]
    assert (last.event_id, [text for _, text in last.data]) == (
        7031,
        ["Probe display", "1", "5000", "1", "Restart the service"],
    )
    machine.clock.await_waiters(1)
    assert probe.stopped
    machine.clock.advance(5)
    machine.clock.until(lambda: probe.state == ServiceState.RUNNING)
    machine.system.processes.kill(probe.pid)
    assert machine.ids()[-1] == 7034
    assert probe.stopped


@given(st.binary(max_size=80))
def test_any_bytes_are_failure_actions_or_none(data):
    _, actions = decode(RegistryValue("FailureActions", RegistryType.BINARY, data))
    # An offset may point anywhere, so that actions overlap nothing but the header.
    assert len(actions) * 8 <= len(data)


@given(
    st.integers(0, 0xFFFFFFFF),
    st.lists(st.builds(Action, st.integers(0, 3), st.integers(0, 0xFFFFFFFF)), max_size=5),
)
def test_failure_actions_are_read_as_written(reset, actions):
    assert decode(encode(reset, actions)) == (reset, actions)


@pytest.mark.parametrize("name", [built_in.name for built_in in BUILT_IN])
def test_a_damaged_service_does_not_keep_the_machine_up(machine, name):
    system = machine.boot()
    system.services.configure(name, image_path="C:\\nope.exe", start_type=2)
    system = machine.boot()
    (failure,) = [e for e in system.event_log.events() if e.event_id == 7000]
    service = system.services.get(name)
    assert dict(failure.data) == {"param1": service.display_name, "param2": "%%2"}
    assert (service.state, service.exit_code) == (ServiceState.STOPPED, 2)
    system.press_power_button()
    assert machine.ended() == "power off"
