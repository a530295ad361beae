from __future__ import annotations

import threading
import traceback
import warnings
from pathlib import Path

import pytest
from standin.wsman import serve

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import ControlChannelError, CredentialsRejected, DeadlineExpired
from powerdown.guest.channels.winrm_channel import WinrmChannel
from powerdown.images.image import ControlConfig, Transport, WinrmAuthentication
from tests.support.hostile_server import Exchange, HostileServer, answer, behave, envelope
from tests.support.modelled_guest import OpenChannel
from tests.support.modelled_machine import Machine

SECONDS = 30.0


def deadline(seconds: float = SECONDS) -> Deadline:
    return Deadline.after(seconds)


class TestStandIn:
    def test_output_exit_code_and_errors_are_told_apart(self, channel: WinrmChannel) -> None:
        result = channel.run("echo out& echo err>&2& exit /b 7", deadline())
        assert (result.output, result.error_output, result.exit_code) == ("out\n", "err\n", 7)

    def test_text_beyond_ascii_comes_through(self, channel: WinrmChannel) -> None:
        assert channel.run("echo Grüße, 世界", deadline()).output == "Grüße, 世界\n"

    def test_one_shell_serves_all_commands(self, open_channel: OpenChannel) -> None:
        with HostileServer(behave) as server:
            channel = open_channel(server.address)
            for _ in range(3):
                channel.run("ver", deadline())
            assert sum(b"transfer/Create" in request for request in server.requests) == 1
            assert server.connections == 1

    def test_each_command_is_forgotten_once_it_has_ended(self, open_channel: OpenChannel) -> None:
        with HostileServer(behave) as server:
            channel = open_channel(server.address)
            for _ in range(3):
                channel.run("ver", deadline())
            asked = [r for r in server.requests if b"shell/Signal" in r]
        assert len(asked) == 3
        assert all(b"signal/terminate" in request for request in asked)

    def test_a_guest_that_goes_down_with_the_command_has_answered_it(
        self, open_channel: OpenChannel
    ) -> None:
        def go_down(exchange: Exchange) -> None:
            if b"shell/Signal" in exchange.request:
                raise ConnectionError
            behave(exchange)

        with HostileServer(go_down) as server:
            channel = open_channel(server.address)
            for _ in range(2):
                assert channel.run("shutdown /s /t 0", deadline()).output == "understood\n"
            creations = sum(b"transfer/Create" in request for request in server.requests)
        assert creations == 2, "a shell that may be gone is not used again"

    def test_wrong_password_names_the_user_and_not_the_password(
        self, address: tuple[str, int], open_channel: OpenChannel
    ) -> None:
        channel = open_channel(address, password="Wrong-Secret-7")
        with pytest.raises(CredentialsRejected) as caught:
            channel.run("ver", deadline())
        told = "".join(traceback.format_exception(caught.value))
        assert "'tester'" in str(caught.value)
        assert "Wrong-Secret-7" not in told + repr(caught.value)

    def test_a_command_that_does_not_end_is_terminated(
        self, channel: WinrmChannel, machine: Machine
    ) -> None:
        # The machine's clock stands still, so this never ends by itself.
        with pytest.raises(DeadlineExpired, match="ping"):
            channel.run("ping -n 100 127.0.0.1", deadline(0.5))
        machine.clock.await_waiters(0)
        assert channel.run("echo still here", deadline()).output == "still here\n"

    def test_a_guest_that_restarted_is_reached_again(
        self, machine: Machine, open_channel: OpenChannel
    ) -> None:
        first = serve(machine.system, port=0, host="127.0.0.1")
        channel = open_channel(("127.0.0.1", first.port))
        channel.run("ver", deadline())
        first.close()
        assert not channel.answers(deadline())
        with pytest.raises(ControlChannelError):
            channel.run("ver", deadline())
        second = serve(machine.system, port=first_port(channel), host="127.0.0.1")
        try:
            assert channel.answers(deadline())
            assert channel.run("ver", deadline()).exit_code == 0
        finally:
            second.close()

    def test_a_closed_channel_opens_again(self, channel: WinrmChannel) -> None:
        channel.run("ver", deadline())
        channel.close()
        channel.close()
        assert channel.run("ver", deadline()).exit_code == 0


def first_port(channel: WinrmChannel) -> int:
    return channel._address[1]


class TestNothingIsSentEarly:
    @pytest.mark.parametrize("authentication", WinrmAuthentication)
    def test_opening_a_channel_does_not_need_the_guest(
        self, authentication: WinrmAuthentication, open_channel: OpenChannel
    ) -> None:
        with HostileServer(behave) as server:
            gone = server.address
            open_channel(gone, authentication=authentication)
            assert server.connections == 0
        channel = open_channel(gone, authentication=authentication)
        assert not channel.answers(deadline())
        with pytest.raises(ControlChannelError, match="connection failed"):
            channel.run("ver", deadline())

    def test_a_deadline_that_has_passed_sends_nothing(self, open_channel: OpenChannel) -> None:
        with HostileServer(behave) as server:
            channel = open_channel(server.address)
            with pytest.raises(DeadlineExpired):
                channel.run("ver", deadline(0.0))
            assert not channel.answers(deadline(0.0))
            assert server.connections == 0

    def test_a_channel_needs_credentials(self) -> None:
        control = ControlConfig(Transport.NONE, 5985, WinrmAuthentication.BASIC, None)
        with pytest.raises(ControlChannelError, match="no credentials"):
            WinrmChannel(("127.0.0.1", 1), control)


class TestEnvironment:
    @pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
    def test_a_proxy_does_not_divert_traffic(
        self, variable: str, monkeypatch: pytest.MonkeyPatch, open_channel: OpenChannel
    ) -> None:
        monkeypatch.setenv("no_proxy", "")
        with HostileServer(behave) as server, HostileServer(behave) as proxy:
            monkeypatch.setenv(variable, f"http://{proxy.address[0]}:{proxy.address[1]}")
            channel = open_channel(server.address)
            assert channel.answers(deadline())
            assert channel.run("ver", deadline()).output == "understood\n"
            assert proxy.connections == 0

    def test_netrc_is_not_consulted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_channel: OpenChannel
    ) -> None:
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login other password other\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        with HostileServer(behave) as server:
            open_channel(server.address, user="u", password="p").run("ver", deadline())
            headers = [line for r in server.requests for line in r.split(b"\r\n")]
        sent = {line for line in headers if line.lower().startswith(b"authorization:")}
        assert sent == {b"Authorization: Basic dTpw"}

    def test_certificate_bundles_cause_no_warning(
        self, monkeypatch: pytest.MonkeyPatch, open_channel: OpenChannel
    ) -> None:
        for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.setenv(variable, "/nowhere/bundle.pem")
        with HostileServer(behave) as server, warnings.catch_warnings():
            warnings.simplefilter("error")
            assert open_channel(server.address).run("ver", deadline()).exit_code == 0


def test_output_that_comes_in_pieces_is_put_together(open_channel: OpenChannel) -> None:
    # A character of two bytes, cut in the middle.
    pieces = [
        envelope("é".encode()[:1], state="Running"),
        envelope("é".encode()[1:] + b"\r\n", exit_code="3"),
    ]
    setup = [envelope(), envelope()]
    # The last answers the order to forget the command.
    left = [*setup, *pieces, envelope()]
    with HostileServer(lambda exchange: exchange.send(answer(left.pop(0)))) as server:
        result = open_channel(server.address).run("x", deadline())
    assert (result.output, result.exit_code) == ("é\n", 3)


def test_a_call_that_is_interrupted_fails_at_once_and_the_next_one_works(
    open_channel: OpenChannel,
) -> None:
    asked = threading.Event()

    def hang(exchange: Exchange) -> None:
        if b"shell/Receive" in exchange.request:
            asked.set()
            exchange.hold()
        behave(exchange)

    with HostileServer(hang) as server:
        channel = open_channel(server.address)
        # There is nothing to interrupt yet.
        channel.interrupt()

        def interrupt() -> None:
            assert asked.wait(SECONDS)
            channel.interrupt()

        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        begun = now()
        with pytest.raises(ControlChannelError, match="connection failed"):
            channel.run("ver", deadline())
        assert now() - begun < SECONDS / 2
        interrupting.join()
        server.behaviour = behave
        assert channel.run("ver", deadline()).exit_code == 0
