"""Guests that do not keep to the protocol: one error each, in time, and the channel lives on."""

from __future__ import annotations

import base64
import gzip
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError, DeadlineExpired, PowerdownError
from powerdown.guest.channels.bounded_transport import MAX_ANSWER_BYTES
from powerdown.images.image import WinrmAuthentication
from tests.support.hostile_server import (
    DONE,
    SOAP,
    Behaviour,
    Exchange,
    HostileServer,
    answer,
    behave,
    envelope,
    only_receive,
    say,
)
from tests.support.modelled_guest import OpenChannel

# Allowed for a command whose deadline is meant to pass.
ALLOWED = 1.0
# Above it only for a machine that hardly runs.
PATIENCE = 15.0
HTTP_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n"
LARGE_INTERIM = b"HTTP/1.1 100 Continue\r\nA: " + b"b" * 60_000 + b"\r\n\r\n"
CHUNKED = HTTP_OK + b"Transfer-Encoding: chunked\r\n\r\n"


def drip(start: bytes, endless: bytes = b"") -> Behaviour:
    """Send bytes one by one, so that a time-out for each of them never strikes."""

    def behaviour(exchange: Exchange) -> None:
        for byte in itertools.chain(start, itertools.cycle(endless)):
            exchange.send(bytes([byte]))
            if exchange.hold(0.05):
                return
        exchange.hold()

    return behaviour


def flood(start: bytes, endless: bytes) -> Behaviour:
    def behaviour(exchange: Exchange) -> None:
        exchange.send(start)
        exchange.flood(endless)

    return behaviour


def hold(exchange: Exchange) -> None:
    exchange.hold()


def cut(data: bytes) -> Behaviour:
    """Send this and close."""

    def behaviour(exchange: Exchange) -> None:
        exchange.send(data)
        raise ConnectionAbortedError

    return behaviour


def half_close(exchange: Exchange) -> None:
    exchange.connection.shutdown(1)
    exchange.hold()


TOO_SLOW: dict[str, Behaviour] = {
    "never answers": hold,
    "drips the status line": drip(b"HTTP/1.1 200 ", b"O"),
    "drips header fields": drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    "drips a body of known length": drip(HTTP_OK + b"Content-Length: 9999\r\n\r\n", b" "),
    "drips a body without length": drip(HTTP_OK + b"\r\n", b" "),
    "drips chunks": drip(CHUNKED, b"1\r\nx\r\n"),
    "drips a chunk size": drip(CHUNKED, b"0"),
    "stops in the body": lambda exchange: (
        exchange.send(HTTP_OK + b"Content-Length: 10\r\n\r\n<"),
        exchange.hold(),
    )[0],
    "drips interim answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}

TOO_LARGE: dict[str, Behaviour] = {
    "100 MB body": flood(HTTP_OK + b"Content-Length: 104857600\r\n\r\n", b" " * 65536),
    "endless body": flood(HTTP_OK + b"\r\n", b" " * 65536),
    "endless chunks": flood(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "endless chunk size": flood(CHUNKED, b"0" * 65536),
    "endless interim answers": flood(b"", LARGE_INTERIM),
    "100 MB error page": flood(
        b"HTTP/1.1 500 Oh\r\nContent-Length: 104857600\r\n\r\n", b"x" * 65536
    ),
}

ENTITIES = ('<!DOCTYPE a [<!ENTITY b "' + "c" * 1000 + '">]><a>' + "&b;" * 1000 + "</a>").encode()

NONSENSE: dict[str, Behaviour] = {
    "closes at once": cut(b""),
    "closes in the status line": cut(b"HTTP/1."),
    "closes in the header": cut(b"HTTP/1.1 200 OK\r\nContent-"),
    "closes in the body": cut(HTTP_OK + b"Content-Length: 1000\r\n\r\n<x"),
    "half-closes": half_close,
    "not HTTP": cut(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "binary": cut(bytes(range(256)) * 8),
    "endless status line": flood(b"", b"A" * 65536),
    "endless header field": flood(b"HTTP/1.1 200 OK\r\nA: ", b"A" * 65536),
    "endless header fields": flood(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 1000),
    "negative length": cut(HTTP_OK + b"Content-Length: -1\r\n\r\n"),
    "two lengths": cut(HTTP_OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
    "bad chunk size": cut(CHUNKED + b"zz\r\n"),
    "no content": say(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "empty body": say(answer(b"")),
    "HTML page": say(answer(b"<!DOCTYPE html><html><body>Hello<br></body></html>")),
    "HTML error page": say(answer(b"<html><p>gone</html>", "404 Not Found")),
    "500 with nothing": say(answer(b"", "500 Internal Server Error")),
    "500 that is not UTF-8": say(answer(b"\xff\xfe", "500 Internal Server Error")),
    "not XML": say(answer(b"&&&")),
    "unfinished XML": say(answer(b"<a><b>")),
    "other XML": say(answer(b"<a/>")),
    "unknown encoding": say(answer(b'<?xml version="1.0" encoding="x-none"?><a/>')),
    "deep XML": say(answer(b"<a>" * 200_000 + b"</a>" * 200_000)),
    "entities": say(answer(ENTITIES)),
    "entities in a fault": say(answer(ENTITIES, "500 Internal Server Error")),
    "entities in UTF-16": say(answer(ENTITIES.decode().encode("utf-16"))),
    "gzip bomb": say(
        answer(gzip.compress(b" " * 50_000_000), headers="Content-Encoding: gzip\r\n")
    ),
    "unknown compression": say(answer(b"x", headers="Content-Encoding: br\r\n")),
    "stream without a name": only_receive(say(answer(envelope().replace(b' Name="stdout"', b"")))),
    "exit code that is no number": only_receive(say(answer(envelope(exit_code="many")))),
    "no exit code": only_receive(
        say(answer(f'<a xmlns="{SOAP}"><b State="{DONE}"/></a>'.encode()))
    ),
    "output that is not base64": only_receive(
        say(answer(envelope().replace(base64.b64encode(b"understood\r\n"), b"xxx")))
    ),
    "fault whose code is no number": say(
        answer(
            f'<e xmlns="{SOAP}"><Body><Fault><Detail><f:WSManFault Code="x" xmlns:f="http://'
            'schemas.microsoft.com/wbem/wsman/1/wsmanfault"/></Detail></Fault></Body></e>'.encode(),
            "500 Internal Server Error",
        )
    ),
}


def refuse(
    server: HostileServer, open_channel: OpenChannel, allowed: float = PATIENCE / 2
) -> PowerdownError:
    """What a command on this server ends with; the server behaves afterwards, and is understood."""
    channel = open_channel(server.address)
    bound = Deadline.after(PATIENCE)
    with pytest.raises(PowerdownError) as caught:
        channel.run("ver", Deadline.after(allowed))
    assert not bound.expired
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()
    server.behaviour = behave
    assert channel.run("ver", Deadline.after(PATIENCE)).output == "understood\n"
    return caught.value


@pytest.mark.parametrize("behaviour", TOO_SLOW.values(), ids=TOO_SLOW)
def test_slow_answers_end_with_the_deadline(
    behaviour: Behaviour, open_channel: OpenChannel
) -> None:
    with HostileServer(behaviour) as server:
        assert type(refuse(server, open_channel, ALLOWED)) is DeadlineExpired


@pytest.mark.parametrize("behaviour", TOO_LARGE.values(), ids=TOO_LARGE)
def test_large_answers_are_cut_off(behaviour: Behaviour, open_channel: OpenChannel) -> None:
    with HostileServer(behaviour) as server:
        assert type(refuse(server, open_channel)) is ControlChannelError
        # What was sent beyond the bound sits in buffers of the two sockets.
        assert server.exchanges[0].sent < MAX_ANSWER_BYTES + 16 * 1024 * 1024


@pytest.mark.parametrize("behaviour", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_one_error(behaviour: Behaviour, open_channel: OpenChannel) -> None:
    with HostileServer(behaviour) as server:
        assert type(refuse(server, open_channel)) is ControlChannelError


@pytest.mark.parametrize("status", ["300", "301", "302", "303", "304", "307", "308"])
def test_a_redirection_is_not_followed(status: str, open_channel: OpenChannel) -> None:
    with HostileServer(behave) as elsewhere:
        host, port = elsewhere.address
        location = f"Location: http://{host}:{port}/wsman\r\n"
        with HostileServer(say(answer(b"", f"{status} Away", location))) as server:
            assert f"status {status}" in str(refuse(server, open_channel))
        assert elsewhere.connections == 0


DECLARED = '<?xml version="1.0" encoding="{}"?><!DOCTYPE x [<!ENTITY y "z">]>' + envelope().decode()


@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_declarations_are_refused_where_the_rest_is_in_order(
    status: str, encoding: str, open_channel: OpenChannel
) -> None:
    xml = DECLARED.format(encoding).encode(encoding)
    with HostileServer(say(answer(xml, status))) as server:
        error = refuse(server, open_channel)
        # pywinrm gives up on an error page in UTF-16 before it is looked at.
        assert "declarations" in str(error) or (status[0] == "5" and encoding == "utf-16")


def test_compression_is_refused_where_the_rest_is_in_order(open_channel: OpenChannel) -> None:
    packed = answer(gzip.compress(envelope()), headers="Content-Encoding: gzip\r\n")
    with HostileServer(say(packed)) as server:
        assert "compressed" in str(refuse(server, open_channel))
        assert b"accept-encoding: identity" in server.requests[0].lower()


def test_a_fault_is_quoted_in_part_and_without_control_characters(
    open_channel: OpenChannel,
) -> None:
    reason = "\t\n\u202e" + "long " * 100_000
    fault = (
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value>'
        f"</e:Code><e:Reason><e:Text>{reason}</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>"
    ).encode()
    with HostileServer(say(answer(fault, "500 Internal Server Error"))) as server:
        assert "answered with a fault" in str(refuse(server, open_channel))


def test_output_without_end_is_cut_off_and_its_command_terminated(
    open_channel: OpenChannel,
) -> None:
    endless = only_receive(say(answer(envelope(b"x" * 1024 * 1024, state="Running"))))
    with HostileServer(endless) as server:
        channel = open_channel(server.address)
        with pytest.raises(ControlChannelError, match="larger than"):
            channel.run("ver", Deadline.after(PATIENCE))
        assert any(b"signal/terminate" in request for request in server.requests)


@pytest.mark.parametrize(
    "behaviour", [say(answer(envelope(b"", state="Running"))), hold], ids=["polled", "held"]
)
def test_a_command_past_its_deadline_is_told_to_terminate(
    behaviour: Behaviour, open_channel: OpenChannel
) -> None:
    with HostileServer(only_receive(behaviour)) as server:
        assert type(refuse(server, open_channel, ALLOWED)) is DeadlineExpired
        assert any(b"signal/terminate" in request for request in server.requests)


@pytest.mark.parametrize(
    "challenge",
    ["NTLM", "NTLM !!!", "NTLM TlRMTVNTUAACAAAA", "Negotiate", "Basic", ""],
)
def test_ntlm_with_a_guest_that_cannot_do_it_is_one_error(
    challenge: str, open_channel: OpenChannel
) -> None:
    headers = f"WWW-Authenticate: {challenge}\r\n" if challenge else ""
    with HostileServer(say(answer(b"", "401 Unauthorized", headers))) as server:
        channel = open_channel(server.address, authentication=WinrmAuthentication.NTLM)
        for _ in range(2):
            with pytest.raises(ControlChannelError) as caught:
                channel.run("ver", Deadline.after(PATIENCE))
            assert "NoneType" not in str(caught.value)


class TestAnswers:
    @pytest.mark.parametrize(
        "behaviour",
        [hold, cut(b""), half_close, cut(b"SSH-2.0-x\r\n"), drip(b"", b"\0"), flood(b"", b"x")],
        ids=["never", "closed", "half-closed", "other protocol", "drip", "flood"],
    )
    def test_no(self, behaviour: Behaviour, open_channel: OpenChannel) -> None:
        bound = Deadline.after(PATIENCE)
        with HostileServer(behaviour) as server:
            assert not open_channel(server.address).answers(Deadline.after(0.4))
        assert not bound.expired

    @pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "503 Busy"])
    def test_yes(self, status: str, open_channel: OpenChannel) -> None:
        with HostileServer(say(answer(b"", status))) as server:
            assert open_channel(server.address).answers(Deadline.after(PATIENCE))


class TestAnything:
    @given(body=st.binary(max_size=200), status=st.sampled_from(["200 OK", "500 Oh", "401 No"]))
    @settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_body_is_one_error(
        self, body: bytes, status: str, open_channel: OpenChannel
    ) -> None:
        with HostileServer(say(answer(body, status))) as server:
            channel = open_channel(server.address)
            with pytest.raises(ControlChannelError):
                channel.run("ver", Deadline.after(PATIENCE))

    @given(data=st.binary(max_size=200), start=st.sampled_from([b"", HTTP_OK, CHUNKED]))
    @settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_bytes_are_one_error(
        self, data: bytes, start: bytes, open_channel: OpenChannel
    ) -> None:
        with HostileServer(cut(start + data)) as server:
            channel = open_channel(server.address)
            with pytest.raises(ControlChannelError):
                channel.run("ver", Deadline.after(PATIENCE))
