"""The WS-Management endpoint, driven by the real pywinrm and by raw sockets."""

from __future__ import annotations

import base64
import socket
import threading
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC
from email.utils import format_datetime

import pytest
import winrm
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from standin.wsman import Limits, serve, soap
from standin.wsman.faults import Fault
from standin.wsman.http import DateField, HttpError, parse_head
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WSManFaultError
from winrm.protocol import Protocol

# About CA bundles, which plain HTTP over loopback has no use for.
pytestmark = pytest.mark.filterwarnings("ignore:'pywinrm' will use:DeprecationWarning")

USER, PASSWORD = "tester", "Powerdown-1"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SOAP_TYPE = "application/soap+xml;charset=UTF-8"
SOAP = "{http://www.w3.org/2003/05/soap-envelope}"


@pytest.fixture
def system(machine):
    return machine.boot()


@pytest.fixture
def server(system):
    with closing(serve(system, port=0, host="127.0.0.1")) as server:
        yield server


def protocol(server, user=USER, password=PASSWORD, seconds=5):
    return Protocol(
        f"http://127.0.0.1:{server.port}/wsman",
        transport="plaintext",
        username=user,
        password=password,
        operation_timeout_sec=seconds,
        read_timeout_sec=seconds + 5,
        proxy=None,
    )


def session(server, **options):
    return winrm.Session(
        f"http://127.0.0.1:{server.port}/wsman", (USER, PASSWORD), proxy=None, **options
    )


class Raw:
    """One TCP connection that sends what it is told and reads HTTP answers."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_details):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """Status, header fields by lower-case name, body; ``None`` when the server closed."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._receive():
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        length = int(headers["content-length"])
        while len(self.buffer) < length:
            assert self._receive(), "the body is cut short"
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(lines[0].split(" ")[1]), headers, body

    def closed(self):
        """Whether the server closes without sending more."""
        return not self.buffer and not self._receive()

    def _receive(self):
        try:
            piece = self.socket.recv(65536)
        except ConnectionError:
            return False
        self.buffer += piece
        return bool(piece)


def request(body=b"", *, method="POST", path="/wsman", **headers):
    fields = {
        "Host": "guest",
        "Authorization": AUTHORIZATION,
        "Content-Type": SOAP_TYPE,
        "Content-Length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def exchange(server, data):
    with Raw(server) as raw:
        raw.send(data)
        return raw.answer()


def envelope(action, body="", resource=f"{soap.SHELL}/cmd", headers=""):
    return (
        f'<s:Envelope xmlns:s="{soap.ENVELOPE}" xmlns:a="{soap.ADDRESSING}" '
        f'xmlns:w="{soap.WSMAN}" xmlns:rsp="{soap.SHELL}"><s:Header>'
        f"<a:Action>{action}</a:Action><a:MessageID>uuid:1</a:MessageID>"
        f"<w:ResourceURI>{resource}</w:ResourceURI>{headers}</s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def fault_of(answer):
    """HTTP status, code, subcode and number of a fault."""
    status, headers, body = answer
    assert headers["content-type"] == SOAP_TYPE
    fault = ET.fromstring(body).find(f"{SOAP}Body/{SOAP}Fault")
    values = [value.text for value in fault.iter(f"{SOAP}Value")]
    detail = fault.find(f"{SOAP}Detail")[0]  # type: ignore[index]
    return status, values[0], values[1] if len(values) > 1 else None, int(detail.get("Code"))  # type: ignore[arg-type]


# With pywinrm


def test_run_cmd(server):
    result = session(server).run_cmd("echo", ["hello", "there"])
    assert (result.status_code, result.std_out, result.std_err) == (0, b"hello there\r\n", b"")


def test_run_ps_says_that_there_is_none(server):
    result = session(server).run_ps("Get-Process")
    assert result.status_code == 1
    assert result.std_err == b"The Powerdown stand-in guest models no PowerShell.\r\n"


def test_unknown_command(server):
    result = session(server).run_cmd("no-such-tool /x")
    assert result.status_code == 1
    assert result.std_err == (
        b"'no-such-tool' is not recognized as an internal or external command,\r\n"
        b"operable program or batch file.\r\n"
    )


@pytest.mark.parametrize(
    "user", ["tester", "TESTER", "STANDIN\\tester", "standin\\Tester", ".\\tester", "tester@x"]
)
def test_forms_of_the_user_name(server, user):
    p = protocol(server, user)
    shell = p.open_shell()
    command = p.run_command(shell, "whoami")
    assert p.get_command_output(shell, command) == (b"standin\\tester\r\n", b"", 0)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (USER, "wrong"),
        (USER, ""),
        ("nobody", PASSWORD),
        ("", ""),
        ("OTHER\\tester", PASSWORD),
        (USER, PASSWORD + "\0"),
    ],
)
def test_wrong_credentials(server, user, password):
    with pytest.raises(InvalidCredentialsError):
        protocol(server, user, password).open_shell()


def test_a_new_password_counts_at_once(server, system):
    body = envelope("x")
    with Raw(server) as raw:
        for _ in range(2):
            raw.send(request(body))
            assert raw.answer()[0] == 500
        system.sessions.set_password(USER, "new")
        raw.send(request(body))
        assert raw.answer()[0] == 401


def test_shell_has_the_given_environment_and_folder(server):
    p = protocol(server)
    shell = p.open_shell(working_directory="C:\\Windows", env_vars={"Color": "blue & green"})
    command = p.run_command(shell, "cd && set COL")
    out, _error, code = p.get_command_output(shell, command)
    assert (out, code) == (b"C:\\Windows\r\nCOLOR=blue & green\r\n", 0)


def test_each_command_is_a_cmd_of_its_own(server):
    p = protocol(server)
    shell = p.open_shell()
    for line in ("set X=1", "cd \\Windows"):
        p.get_command_output(shell, p.run_command(shell, line))
    out, _error, _code = p.get_command_output(shell, p.run_command(shell, "cd && echo %X%"))
    assert out == b"C:\\Users\\tester\r\n%X%\r\n"


def test_receive_times_out_while_a_command_runs_and_terminate_ends_it(server):
    p = protocol(server, seconds=1)
    shell = p.open_shell()
    command = p.run_command(shell, "ping -n 600 127.0.0.1")
    with pytest.raises(WinRMOperationTimeoutError):
        p.get_command_output_raw(shell, command)
    p.cleanup_command(shell, command)
    with pytest.raises(WSManFaultError) as caught:
        p.get_command_output_raw(shell, command)
    assert caught.value.fault_subcode == "w:InvalidParameter"
    p.close_shell(shell)


def test_waiting_command_answers_as_soon_as_it_ends(server):
    p = protocol(server, seconds=20)
    shell = p.open_shell()
    began = time.monotonic()
    out, _error, code = p.get_command_output(shell, p.run_command(shell, "ping -n 2 127.0.0.1"))
    assert code == 0
    assert out.count(b"Reply from 127.0.0.1") == 2
    assert 0.9 < time.monotonic() - began < 10


def test_closing_a_shell_ends_its_commands(server):
    p = protocol(server)
    shell = p.open_shell()
    for _ in range(4):
        p.run_command(shell, "ping -n 600 127.0.0.1")
    assert len(threads("winrm-command")) == 4
    p.close_shell(shell)
    with pytest.raises(WSManFaultError) as caught:
        p.run_command(shell, "ver")
    assert (caught.value.fault_subcode, caught.value.wsman_fault_code) == (
        "w:InvalidSelectors",
        2150858843,
    )
    assert caught.value.code == 500
    # Those that have ended their commands; they serve others.
    server.close()
    for thread in threads("winrm-command"):
        thread.join(5)
        assert not thread.is_alive()


def threads(name):
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_send_reaches_a_waiting_command(server):
    p = protocol(server)
    shell = p.open_shell()
    command = p.run_command(shell, "more")
    p.send_command_input(shell, command, "first\r\n")
    p.send_command_input(shell, command, "second", end=True)
    assert p.get_command_output(shell, command) == (b"first\r\nsecond\r\n", b"", 0)


def test_output_larger_than_an_envelope_comes_in_pieces(server, system):
    text = "".join(f"line {number}\r\n" for number in range(60_000))
    system.volume.write("C:\\big.txt", text.encode())
    p = protocol(server)
    shell = p.open_shell()
    command = p.run_command(shell, "type C:\\big.txt")
    first, _error, _code, done = p.get_command_output_raw(shell, command)
    assert not done
    assert len(base64.b64encode(first)) < 153600
    rest, _error, code = p.get_command_output(shell, command)
    assert (first + rest == text.encode(), code) == (True, 0)


def test_unicode_survives(server):
    result = session(server).run_cmd("echo gr\u00fc\u00df dich, \u4e16\u754c <".replace("<", "^<"))
    assert result.std_out.decode() == "gr\u00fc\u00df dich, \u4e16\u754c <\r\n"


def test_many_clients_at_once(server):
    def work(number):
        result = session(server).run_cmd(f"echo {number}")
        return result.std_out

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(work, range(36)))
    assert answers == [f"{number}\r\n".encode() for number in range(36)]


def test_shells_are_limited_and_come_back(server):
    p = protocol(server)
    shells = [p.open_shell() for _ in range(30)]
    with pytest.raises(WSManFaultError) as caught:
        p.open_shell()
    assert caught.value.fault_subcode == "w:QuotaLimit"
    p.close_shell(shells[0], close_session=False)
    p.open_shell()


def test_commands_that_nobody_ends_do_not_pile_up(server):
    p = protocol(server)
    shell = p.open_shell()
    for number in range(80):
        out, _error, _code = p.get_command_output(shell, p.run_command(shell, f"echo {number}"))
        assert out == f"{number}\r\n".encode()


def test_a_shell_belongs_to_its_user(server, system):
    from standin.logon import create_account

    create_account(system.registry, "other", "S-1-5-21-1-2-3-1002", "secret")
    shell = protocol(server).open_shell()
    with pytest.raises(WSManFaultError) as caught:
        protocol(server, "other", "secret").run_command(shell, "ver")
    assert caught.value.fault_subcode == "w:InvalidSelectors"


def test_close_drops_connections_and_the_port(system):
    server = serve(system, port=0, host="127.0.0.1")
    port = server.port
    p = protocol(server, seconds=5)
    shell = p.open_shell()
    command = p.run_command(shell, "ping -n 600 127.0.0.1")
    failures = []

    def wait():
        try:
            p.get_command_output(shell, command)
        except Exception as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    server.close()
    server.close()
    waiting.join(8)
    assert failures and not waiting.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)


def test_closing_from_inside_a_command(machine):
    system = machine.boot()
    server = serve(system, port=0, host="127.0.0.1")
    closed = threading.Event()
    system.services.attach("WinRM", lambda: None, lambda: (server.close(), closed.set()))
    p = protocol(server)
    p.run_command(p.open_shell(), "net stop winrm")
    assert closed.wait(8)


# HTTP


def test_identify_needs_no_credentials(server):
    body = (
        f'<s:Envelope xmlns:s="{soap.ENVELOPE}" xmlns:i="{soap.IDENTITY}">'
        "<s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>"
    ).encode()
    status, _headers, answer = exchange(
        server, request(body, Authorization=None, WSMANIDENTIFY="unauthenticated")
    )
    assert status == 200
    assert b"not Windows" in answer
    assert exchange(server, request(body, Authorization=None))[0] == 401
    refused = request(
        envelope(f"{soap.TRANSFER}/Create"), Authorization=None, WSMANIDENTIFY="unauthenticated"
    )
    assert exchange(server, refused)[0] == 401


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!!",
        "Basic " + base64.b64encode(b"tester").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Negotiate TlRMTVNTUAAB",
        "Bearer x",
    ],
)
def test_unauthorized_offers_basic_only_and_keeps_the_connection(server, authorization):
    with Raw(server) as raw:
        raw.send(request(b"x" * 1000, Authorization=authorization))
        status, headers, body = raw.answer()
        assert (status, headers["www-authenticate"], body) == (401, 'Basic realm="WSMAN"', b"")
        raw.send(request(envelope("x")))
        assert fault_of(raw.answer())[0] == 500


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(method="GET"), 405),
        (request(method="PUT"), 405),
        (request(path="/"), 404),
        (request(path="/wsman/../x"), 404),
        (request(b"<x/>", Content_Type="text/xml"), 415),
        (request(b"<x/>", Content_Type="application/soap+xml;charset=koi8-r"), 415),
        (request(b"<x/>", Content_Type=None), 415),
        (request(Content_Length=None), 411),
        (request(Content_Length=None, Transfer_Encoding="chunked"), 501),
        (request(Content_Length="-1"), 400),
        (request(Content_Length="1, 1"), 400),
        (request(Content_Length="\xb2"), 400),
        (request(Host=None), 400),
        (request(Expect="miracles"), 417),
        (request(X="y" * 20000), 400),
        (request(**{f"X{number}": "y" for number in range(100)}), 400),
        (b"POST /wsman HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"POST /wsman\r\n\r\n", 400),
        (b"POST  /wsman HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"POST /wsman HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"POST /wsman HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        (b"POST /wsman HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_http_refusals(server, data, status):
    assert exchange(server, data)[0] == status


def test_repeated_length_is_refused(server):
    data = request(b"abc").replace(b"Host: guest", b"Host: guest\r\nContent-Length: 2")
    assert exchange(server, data)[0] == 400


def test_oversized_body_is_refused_without_being_read(server):
    with Raw(server) as raw:
        raw.send(request(Content_Length=str(500 * 1024 + 1)))
        # Not one byte of the body was sent: the answer does not wait for it.
        status, headers, _body = raw.answer()
        assert (status, headers["connection"]) == (413, "close")
    with Raw(server) as raw:
        raw.send(request(Content_Length="999999999999999999"))
        assert raw.answer()[0] == 413
    # A client that sends it all the same can still read the answer.
    assert exchange(server, request(b" " * 800_000))[0] == 413
    assert session(server).run_cmd("ver").status_code == 0


def test_largest_allowed_body_is_read(server):
    body = envelope("x").ljust(500 * 1024)
    assert fault_of(exchange(server, request(body)))[2] == "a:ActionNotSupported"


def test_pipelined_requests_are_answered_in_order(server):
    with Raw(server) as raw:
        raw.send(request(envelope("x")) + request(method="GET") + request(path="/y"))
        assert [raw.answer()[0] for _ in range(3)] == [500, 405, 404]


def test_expect_continue(server):
    with Raw(server) as raw:
        body = envelope("x")
        raw.send(request(body, Expect="100-continue")[: -len(body)])
        assert raw.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.send(body)
        assert raw.answer()[0] == 500


def test_http_1_0_closes_and_connection_close_is_obeyed(server):
    for data in (
        request(envelope("x")).replace(b"HTTP/1.1", b"HTTP/1.0"),
        request(envelope("x"), Connection="close"),
    ):
        with Raw(server) as raw:
            raw.send(data)
            assert raw.answer()[1]["connection"] == "close"
            assert raw.closed()


def test_every_answer_has_the_guests_date(machine, system):
    limits = Limits(connections=1)
    with (
        closing(serve(system, port=0, host="127.0.0.1", limits=limits)) as server,
        Raw(server) as raw,
    ):
        for data, status, wait, date in (
            (request(Authorization=None), 401, 0, "Sun, 01 Mar 2026 09:30:00 GMT"),
            (request(envelope("x")), 500, 0.9, "Sun, 01 Mar 2026 09:30:00 GMT"),
            (request(method="GET"), 405, 0.1, "Sun, 01 Mar 2026 09:30:01 GMT"),
            (request(path="/x"), 404, 14.5 * 3600, "Mon, 02 Mar 2026 00:00:01 GMT"),
        ):
            machine.clock.advance(wait)
            raw.send(data)
            answer = raw.answer()
            assert (answer[0], answer[1]["date"]) == (status, date)
        with Raw(server) as too_many:
            assert too_many.answer()[1]["date"] == date


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1, max_size=4))
def test_dates_are_those_of_rfc_9110(times):
    field = DateField(iter(times).__next__)
    assert [field.text() for _ in times] == [format_datetime(t, usegmt=True) for t in times]


def test_idle_connections_keep_nobody_out_and_leave_no_threads(server):
    with ExitStack() as idle:
        raws = [idle.enter_context(Raw(server)) for _ in range(Limits().connections - 4)]
        for _ in range(3):
            assert exchange(server, request(envelope("x"), Connection="close"))[0] == 500
        # None of them was forgotten.
        for raw in raws:
            raw.send(request(method="GET"))
        assert [raw.answer()[0] for raw in raws] == [405] * len(raws)
    deadline = time.monotonic() + 5
    while len(threads("winrm-connection")) > 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert exchange(server, request(method="GET"))[0] == 405


def test_slow_clients_time_out(system):
    limits = Limits(idle_seconds=0.3, request_seconds=0.3)
    with closing(serve(system, port=0, host="127.0.0.1", limits=limits)) as server:
        with Raw(server) as idle:
            assert idle.closed()
        with Raw(server) as half:
            half.send(b"POST /wsman HTTP/1.1\r\nHo")
            assert half.answer()[0] == 408
        with Raw(server) as short:
            short.send(request(b"abc", Content_Length="5"))
            assert short.answer()[0] == 408


def test_trickling_does_not_extend_the_time(system):
    limits = Limits(request_seconds=0.5)
    with (
        closing(serve(system, port=0, host="127.0.0.1", limits=limits)) as server,
        Raw(server) as raw,
    ):
        raw.socket.settimeout(0.05)
        began = time.monotonic()
        answered = b""
        while not answered and time.monotonic() - began < 5:
            raw.send(b"P")
            try:
                answered = raw.socket.recv(1000)
            except TimeoutError:
                continue
        assert answered.startswith(b"HTTP/1.1 408 ")


def test_one_connection_too_many_gets_503_and_places_come_back(system):
    limits = Limits(connections=2)
    with closing(serve(system, port=0, host="127.0.0.1", limits=limits)) as server:
        with Raw(server) as first, Raw(server) as second:
            for raw in (first, second):
                raw.send(request(envelope("x")))
                assert raw.answer()[0] == 500
            with Raw(server) as third:
                assert third.answer()[0] == 503
        deadline = time.monotonic() + 5
        while (answer := exchange(server, request(method="GET")))[0] == 503:
            assert time.monotonic() < deadline
        assert answer[0] == 405


# SOAP


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"<a><b></a>",
        b"<?xml version='1.0'?>",
        envelope("x")[:-5],
        envelope("x") + b"<more/>",
        b"\xff\xff\xff",
        b'<?xml version="1.0" encoding="x-none"?><a/>x',
    ],
)
def test_what_is_no_xml(server, body):
    assert fault_of(exchange(server, request(body))) == (
        400,
        "s:Sender",
        "w:SchemaValidationError",
        2150858817,
    )


BOMB = (
    b"<!DOCTYPE lolz [<!ENTITY a 'aaaaaaaaaa'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(20))
    + b"]><x>&t;</x>"
)


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        b"<!DOCTYPE x SYSTEM 'http://127.0.0.1/x'><x/>",
        b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
        b"<?xml-stylesheet href='x'?><x/>",
    ],
)
def test_document_types_are_refused(server, body):
    began = time.monotonic()
    answer = exchange(server, request(body))
    assert fault_of(answer)[:3] == (400, "s:Sender", "w:SchemaValidationError")
    assert b"root:" not in answer[2]
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<x/>", ("s:Sender", "w:SchemaValidationError", 2150858817)),
        (
            f'<s:Envelope xmlns:s="{soap.ENVELOPE}"/>'.encode(),
            ("s:Sender", "w:SchemaValidationError", 2150858817),
        ),
        (
            b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>',
            ("s:VersionMismatch", None, 2150858765),
        ),
        (
            f'<s:Envelope xmlns:s="{soap.ENVELOPE}"><s:Body/></s:Envelope>'.encode(),
            ("s:Sender", "a:MessageInformationHeaderRequired", 2150858769),
        ),
        (envelope(""), ("s:Sender", "a:MessageInformationHeaderRequired", 2150858769)),
        (envelope("urn:other"), ("s:Sender", "a:ActionNotSupported", 2150858771)),
        (
            envelope(f"{soap.TRANSFER}/Create", resource="urn:other"),
            ("s:Sender", "a:DestinationUnreachable", 2150858752),
        ),
        (
            envelope(f"{soap.TRANSFER}/Create"),
            ("s:Sender", "w:SchemaValidationError", 2150858817),
        ),
        (
            envelope("x", headers='<z:Z xmlns:z="urn:z" s:mustUnderstand="true"/>'),
            ("s:MustUnderstand", None, 2150858768),
        ),
        (
            envelope("x", headers="<w:OperationTimeout>soon</w:OperationTimeout>"),
            ("s:Sender", "a:InvalidMessageInformationHeader", 2150858767),
        ),
        (
            envelope("x", headers="<w:MaxEnvelopeSize>1</w:MaxEnvelopeSize>"),
            ("s:Sender", "a:InvalidMessageInformationHeader", 2150858767),
        ),
        (
            envelope(f"{soap.TRANSFER}/Delete"),
            ("s:Sender", "w:InvalidSelectors", 2150858842),
        ),
        (
            envelope("x", "<a>" * 100 + "</a>" * 100),
            ("s:Sender", "w:SchemaValidationError", 2150858817),
        ),
        (
            envelope("x", f"<a>{'<b/>' * 5000}</a>"),
            ("s:Sender", "w:SchemaValidationError", 2150858817),
        ),
    ],
)
def test_faults(server, body, expected):
    assert fault_of(exchange(server, request(body))) == (500, *expected)


def test_a_fault_relates_to_its_request(server):
    answer = exchange(server, request(envelope("urn:other")))
    assert b"<a:RelatesTo>uuid:1</a:RelatesTo>" in answer[2]


def test_utf_16_is_understood(server):
    body = envelope("urn:other").decode().encode("utf-16")
    answer = exchange(server, request(body, Content_Type="application/soap+xml;charset=UTF-16"))
    assert fault_of(answer)[2] == "a:ActionNotSupported"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT20S", 20), ("PT60.000S", 60), ("PT1M30S", 90), ("P1DT1H", 90000), ("PT0.5S", 0.5)],
)
def test_durations(text, seconds):
    assert soap.duration(text) == seconds


@given(st.text(max_size=20))
@example("P")
@example("PT")
@example("PT1")
@example("PTS")
@example("PT1.2.3S")
def test_durations_are_numbers_or_faults(text):
    try:
        assert soap.duration(text) >= 0
    except Fault as fault:
        assert fault.subcode == "a:InvalidMessageInformationHeader"


@given(st.text())
def test_escaped_text_is_xml_and_keeps_what_xml_can_hold(text):
    parsed = ET.fromstring(f'<a b="{soap.escape(text)}">{soap.escape(text)}</a>'.encode())
    if text.isprintable():
        assert (parsed.text or "", parsed.get("b")) == (text, text)


@given(st.binary(max_size=300))
def test_the_head_parser_answers_or_refuses(data):
    try:
        head = parse_head(data)
    except HttpError as error:
        assert error.status in (400, 501, 505)
    else:
        assert head.method and head.target


@given(
    st.one_of(
        st.binary(max_size=400),
        st.binary(max_size=200).map(lambda body: request(body)),
        st.text(max_size=200).map(lambda text: request(envelope(text.replace("<", "")))),
        st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=3)).map(
            lambda cut: _damaged(request(envelope(f"{soap.TRANSFER}/Create")), *cut)
        ),
    )
)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_never_kills_the_server(server, data):
    with Raw(server) as raw:
        try:
            raw.send(data)
            raw.socket.shutdown(socket.SHUT_WR)
        except ConnectionError:
            return
        while (answer := raw.answer()) is not None:
            assert answer[0] in (200, 400, 401, 404, 405, 408, 411, 413, 415, 417, 500, 501, 505)
            if answer[0] == 500:
                assert fault_of(answer)[2] != "w:InternalError"
    assert exchange(server, request(method="GET"))[0] == 405


def _damaged(data, at, piece):
    at = min(at, len(data))
    return data[:at] + piece + data[at + len(piece) :]
