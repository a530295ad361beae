import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin.clock import Clock
from standin.errors import Win32Error
from standin.programs import (
    BadProgram,
    Interpreter,
    ProgramEnded,
    Requests,
    load,
    parse,
    read,
    section,
    split_command_line,
)

APPLICATION = {
    "format": 1,
    "kind": "application",
    "window": {"visible": True, "title": "Ünsaved"},
    "query_end_session": "refuse",
    "end_session": [{"write": "C:\\a", "text": "x"}],
    "run": [{"repeat": "%1", "actions": [{"wait_ms": 5}]}],
}


def test_a_declared_program(pe):
    program = load(pe(json.dumps(APPLICATION).encode()))
    assert (program.kind, program.title, program.window_visible) == ("application", "Ünsaved", True)
    assert program.query_end_session == "refuse"
    assert program.end_session == [("write", "C:\\a", "x")]
    assert program.run == [("repeat", "%1", [("wait", 5)])]


def test_defaults():
    program = parse(b'{"format": 1, "kind": "service"}')
    assert program.query_end_session == "agree"
    assert (program.on_preshutdown, program.on_stop) == ("finish", "stop")
    assert program.accepts == frozenset()
    assert not program.has_window


@pytest.mark.parametrize("data", [b"", b"MZ", b"#!/bin/sh\n", b"MZ" + bytes(600)])
def test_no_program(data):
    with pytest.raises(BadProgram) as refused:
        load(data)
    assert refused.value.code == 193


def test_a_real_program_that_declares_nothing(pe):
    with pytest.raises(BadProgram):
        load(pe(b"{}", name=b".rdata\0\0"))


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"kind": "driver"}, {"window": []}, {"window": {"title": 1}},
     {"window": {"visible": "yes"}}, {"query_end_session": "maybe"}, {"run": {}},
     {"run": [{"delete": "C:\\a"}]}, {"run": [{"write": "C:\\a"}]}, {"run": [{"wait_ms": -1}]},
     {"run": [{"wait_ms": True}]}, {"run": [{"repeat": None, "actions": []}]},
      {"accepts": ["pause"]}, {"accepts": "stop"}, {"on_stop": "explode"},
     {"on_shutdown": 1}, {"console": "yes"}, {"block_reason": 5}, {"on_console_close": "hang"},
     {"preshutdown": {}}, {"preshutdown_timeout_ms": -1}, {"run": [{"forever": 3}]},
     {"run": [{"busy": False}]}, {"run": [{"abort_shutdown": 1}]},
     {"run": [{"busy": True, "abort_shutdown": True}]}],
)  # fmt: skip
def test_declarations_that_are_not_understood(change):
    with pytest.raises(BadProgram):
        parse(json.dumps({**APPLICATION, **change}).encode())


def test_nesting_has_an_end():
    actions = []
    for _ in range(12):
        actions = [{"repeat": 1, "actions": actions}]
    with pytest.raises(BadProgram):
        parse(json.dumps({**APPLICATION, "run": actions}).encode())
    with pytest.raises(BadProgram):
        parse(b"[" * 100_000)


@given(st.binary(max_size=2000))
def test_garbage_raises_nothing_but_its_own_error(data):
    for reader in (load, section, parse):
        try:
            reader(data)
        except BadProgram:
            continue


@given(st.integers(0, 700), st.binary(min_size=1, max_size=8), st.integers(0, 900))
def test_a_damaged_program_raises_nothing_but_its_own_error(pe, at, damage, length):
    data = bytearray(pe(json.dumps(APPLICATION).encode()))
    data[at : at + len(damage)] = damage
    for content in (bytes(data), bytes(data[:length])):
        try:
            load(content)
        except BadProgram:
            continue


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["write", "text", "wait_ms", "repeat", "actions", "forever", "busy"]),
            inner,
        )
    ),
    max_leaves=10,
)


KEYS = [*APPLICATION, "block_reason", "console", "on_shutdown", "on_stop", "preshutdown"]


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_no_declaration_breaks_the_parser(changes):
    try:
        parse(json.dumps({**APPLICATION, **changes}).encode())
    except BadProgram:
        return


def test_reading_what_is_not_there(volume):
    for path, code in (("C:\\no.exe", 2), ("C:\\no\\no.exe", 2), ("D:\\a.exe", 3), ("C:\\", 5)):
        with pytest.raises(Win32Error) as refused:
            read(volume, path)
        assert refused.value.code == code


def interpreter(volume, *arguments, ended=lambda: False):
    return Interpreter(volume, Clock(), arguments, ended)


def test_actions_write_with_arguments_and_indices(volume):
    interpreter(volume, "C:\\out", "2").perform([
        ("repeat", 2, [("repeat", "%2", [("write", "%1\\%i.txt", "%i of %2, 100%%, %3.")])])
    ])  # fmt: skip
    assert sorted(p.name for p in volume.path("C:\\out").iterdir()) == ["1.txt", "2.txt"]
    assert volume.path("C:\\out\\2.txt").read_text() == "2 of 2, 100%, ."


@pytest.mark.parametrize("count", ["", "x", "-1", "²", "9" * 5000])
def test_a_repeat_count_that_is_no_number_is_zero(volume, count):
    interpreter(volume, count).perform([("repeat", "%1", [("write", "C:\\a", "")])])
    assert not volume.path("C:\\a").exists()


def test_a_write_that_fails_is_passed_over(volume):
    volume.write("C:\\file", b"")
    interpreter(volume).perform([
        ("write", "D:\\a", ""), ("write", "C:\\file\\below", ""), ("write", "C:\\b", "done")
    ])  # fmt: skip
    assert volume.path("C:\\b").read_text() == "done"


def test_the_end_of_the_program_ends_a_wait_and_what_follows(volume):
    clock = Clock()
    ended = threading.Event()
    actor = Interpreter(volume, clock, (), ended.is_set)
    threading.Timer(0.05, lambda: (ended.set(), clock.notify())).start()
    with pytest.raises(ProgramEnded):
        actor.perform([("wait", 60_000), ("write", "C:\\late", "")])
    assert not volume.path("C:\\late").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [("a b  c", ["a", "b", "c"]), ('"C:\\a b\\c.exe" -x', ["C:\\a b\\c.exe", "-x"]),
     ('a "" b', ["a", "", "b"]), ('say \\"hi\\"', ["say", '"hi"']), ("", []),
     ('C:\\t\\"a b"', ['C:\\t"a', "b"])],
)  # fmt: skip
def test_command_lines(line, words):
    assert split_command_line(line) == words


def test_a_declared_service():
    program = parse(json.dumps({
        "format": 1, "kind": "service", "accepts": ["stop", "shutdown", "preshutdown"],
        "on_stop": "ignore", "preshutdown_timeout_ms": "%1", "preshutdown": [{"wait_ms": "%2"}],
        "run": [{"forever": [{"abort_shutdown": True}, {"wait_ms": 200}]}, {"busy": True}],
    }).encode())  # fmt: skip
    assert (program.on_stop, program.on_shutdown) == ("ignore", "ignore")
    assert program.preshutdown_ms == "%1"
    assert program.preshutdown == [("wait", "%2")]
    assert program.run == [("forever", [("abort_shutdown",), ("wait", 200)]), ("busy",)]


def test_what_a_program_asks_of_the_machine(volume):
    asked = []

    def abort():
        asked.append("abort")
        if len(asked) == 3:
            ended.set()

    ended = threading.Event()
    actor = Interpreter(
        volume, Clock(), (), ended.is_set, Requests(abort, lambda: asked.append("burn"))
    )
    with pytest.raises(ProgramEnded):
        actor.perform([("forever", [("abort_shutdown",)])])
    assert asked == ["abort"] * 3
    # Its processors are taken: what stands after it does not happen.
    ended.clear()
    threading.Timer(0.05, ended.set).start()
    actor = Interpreter(
        volume, PollingClock(), (), ended.is_set, Requests(abort, lambda: asked.append("burn"))
    )
    with pytest.raises(ProgramEnded):
        actor.perform([("busy",), ("write", "C:\\late", "")])
    assert asked[3:] == ["burn"]
    assert not volume.path("C:\\late").exists()


def test_for_ever_without_anything_to_do_only_waits(volume):
    ended = threading.Event()
    threading.Timer(0.05, ended.set).start()
    with pytest.raises(ProgramEnded):
        Interpreter(volume, PollingClock(), (), ended.is_set).perform([("forever", [])])


class PollingClock(Clock):
    """Looks again by itself."""

    def wait_for(self, predicate, timeout=None):
        while not super().wait_for(predicate, 0.01):
            pass
        return True


def test_a_wait_may_come_from_an_argument(volume):
    class Recorder(Clock):
        waits = []

        def wait_for(self, predicate, timeout=None):
            self.waits.append(timeout)
            return predicate()

    (wait,) = parse(b'{"format":1,"kind":"service","run":[{"wait_ms":"%1"}]}').run
    for argument in ("60000", "soon"):
        Interpreter(volume, Recorder(), [argument], lambda: False).perform([wait])
    assert Recorder.waits == [60, 0]
