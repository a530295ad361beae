from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.windows.services import ServiceState, ServiceStatus, parse_services

# Public transcripts: Windows 10 in Russian, Windows Server, Windows XP (no blanks in the flags).
REAL = (
    "\nSERVICE_NAME: WpnUserService_c3150\n"
    "DISPLAY_NAME: Пользовательская служба push-уведомлений Windows_c3150\n"
    "        TYPE               : f0   ERROR  \n"
    "        STATE              : 4  RUNNING \n"
    "                                (STOPPABLE, NOT_PAUSABLE, ACCEPTS_PRESHUTDOWN)\n"
    "        WIN32_EXIT_CODE    : 0  (0x0)\n"
    "        SERVICE_EXIT_CODE  : 0  (0x0)\n"
    "        CHECKPOINT         : 0x0\n"
    "        WAIT_HINT          : 0x0\n"
    "        PID                : 10476\n"
    "        FLAGS              : \n"
    "\n"
    "SERVICE_NAME: AJRouter\n"
    "DISPLAY_NAME: Служба маршрутизатора AllJoyn\n"
    "        TYPE               : 20  WIN32_SHARE_PROCESS  \n"
    "        STATE              : 1  STOPPED \n"
    "        WIN32_EXIT_CODE    : 1077  (0x435)\n"
    "        SERVICE_EXIT_CODE  : 0  (0x0)\n"
    "        CHECKPOINT         : 0x0\n"
    "        WAIT_HINT          : 0x0\n"
    "        PID                : 0\n"
    "        FLAGS              : \n"
    "\n"
    "SERVICE_NAME: bits\n"
    "        TYPE               : 30  WIN32\n"
    "        STATE              : 3  STOP_PENDING\n"
    "                                (NOT_STOPPABLE, NOT_PAUSABLE, IGNORES_SHUTDOWN)\n"
    "        WIN32_EXIT_CODE    : 0  (0x0)\n"
    "        SERVICE_EXIT_CODE  : 0  (0x0)\n"
    "        CHECKPOINT         : 0x1\n"
    "        WAIT_HINT          : 0x0\n"
    "\n"
    "SERVICE_NAME: FontCache\n"
    "DISPLAY_NAME: Windows Font Cache Service\n"
    "        TYPE               : 20  WIN32_SHARE_PROCESS  \n"
    "        STATE              : 4  RUNNING \n"
    "                                (STOPPABLE,NOT_PAUSABLE,ACCEPTS_SHUTDOWN)\n"
    "        WIN32_EXIT_CODE    : 0\t(0x0)\n"
    "        SERVICE_EXIT_CODE  : 0\t(0x0)\n"
    "        CHECKPOINT         : 0x0\n"
    "        WAIT_HINT          : 0x0\n"
    "        PID                : 1300\n"
    "        FLAGS              : RUNS_IN_SYSTEM_PROCESS\n"
)
SERVICES = (
    ServiceStatus("WpnUserService_c3150", ServiceState.RUNNING, True, False, 10476),
    ServiceStatus("AJRouter", ServiceState.STOPPED, False, False, 0),
    ServiceStatus("bits", ServiceState.STOP_PENDING, False, False, 0),
    ServiceStatus("FontCache", ServiceState.RUNNING, False, True, 1300),
)


def test_real_output_is_read() -> None:
    assert parse_services(REAL) == SERVICES
    assert parse_services(REAL.replace("\n", "\r\n")) == SERVICES


def test_translated_labels_do_not_matter() -> None:
    translated = REAL.replace("SERVICE_NAME", "NOMBRE_SERVICIO").replace("STATE ", "ESTADO ")
    assert parse_services(translated.replace("TYPE ", "TIPO ")) == SERVICES


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[SC] EnumQueryServicesStatus:OpenService FAILED 1060:\n\n"
        "The specified service does not exist as an installed service.\n\n",
        "[SC] OpenSCManager FAILED 5:\n\nZugriff verweigert\n\n",
        REAL.replace(": 4  RUNNING", ": 9  DANCING").replace(": 3 ", ": x ").replace(": 1 ", ": "),
    ],
)
def test_what_is_no_service_is_left_out(text: str) -> None:
    assert parse_services(text) == ()


@given(
    st.from_regex(r"[A-Za-z0-9_.$-]{1,40}", fullmatch=True),
    st.sampled_from(
        [(1, "STOPPED"), (2, "START_PENDING"), (3, "STOP_PENDING"), (4, "RUNNING"), (7, "PAUSED")]
    ),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_each_field_is_read(
    name: str, state: tuple[int, str], pre: bool, shutdown: bool, pid: int
) -> None:
    flags = ["STOPPABLE", "NOT_PAUSABLE"]
    flags += ["ACCEPTS_PRESHUTDOWN"] * pre + ["ACCEPTS_SHUTDOWN"] * shutdown
    text = (
        f"\nSERVICE_NAME: {name} \nDISPLAY_NAME: a: b (c)\n        TYPE               : 10  OWN \n"
        f"        STATE              : {state[0]}  {state[1]} \n                  "
        f"              ({', '.join(flags)})\n        CHECKPOINT         : 0x7\n"
        f"        PID                : {pid}\n        FLAGS              : \n"
    )
    (found,) = parse_services(text)
    assert (found.name, found.pid) == (name, pid)
    assert found.state.value.replace("-", "_").upper() == state[1].replace("PAUSED", "OTHER")
    assert (found.accepts_preshutdown, found.accepts_shutdown) == (pre, shutdown)


@given(st.text(), st.integers(0, len(REAL)))
def test_any_text_is_read(text: str, position: int) -> None:
    parse_services(text)
    parse_services(REAL[:position] + text + REAL[position:])
