import pytest
from standin.errors import Win32Error
from standin.logon import POLICIES_SYSTEM, PRODUCT_OPTIONS, WINLOGON, Sessions
from standin.registry import Registry, RegistryType, RegistryValue


def text(name, data):
    return RegistryValue(name, RegistryType.SZ, data)


@pytest.fixture
def registry(machine):
    return Registry(machine.volume)


@pytest.fixture
def sessions(registry):
    return Sessions(registry, "STANDIN")


def test_the_default_image_logs_its_user_on(registry, sessions):
    sessions.start()
    assert sessions.console_user == "tester"
    assert registry.current_user_sid == sessions.sid("tester")


@pytest.mark.parametrize(
    ("key", "value"),
    [(WINLOGON, text("AutoAdminLogon", "0")), (WINLOGON, text("DefaultPassword", "wrong")),
     (WINLOGON, text("DefaultUserName", "nobody")), (WINLOGON, text("DefaultDomainName", "OTHER")),
     (POLICIES_SYSTEM, text("legalnoticetext", "No entry."))],
)  # fmt: skip
def test_what_breaks_automatic_logon(registry, sessions, key, value):
    registry.set(key, value)
    sessions.start()
    assert sessions.console_user is None


def test_a_missing_password_turns_automatic_logon_off(registry, sessions):
    registry.delete_value(WINLOGON, "DefaultPassword")
    sessions.start()
    assert sessions.console_user is None
    assert registry.text(WINLOGON, "AutoAdminLogon") == "0"


def test_logon_count_runs_out(registry):
    registry.set(WINLOGON, RegistryValue("AutoLogonCount", RegistryType.DWORD, 2))
    users = []
    for _ in range(4):
        sessions = Sessions(registry, "STANDIN")
        sessions.start()
        users.append(sessions.console_user)
    assert users == ["tester", "tester", None, None]


@pytest.mark.parametrize("name", ["tester", "TESTER", ".\\tester", "standin\\tester"])
def test_names_of_the_account(sessions, name):
    assert sessions.authenticate(name, "Powerdown-1")
    assert not sessions.authenticate(name, "powerdown-1")


def test_who_is_not_let_in(sessions):
    assert not sessions.authenticate("other", "Powerdown-1")
    assert not sessions.authenticate("DOMAIN\\tester", "Powerdown-1")
    assert not sessions.authenticate("tester", "\udc80")
    with pytest.raises(Win32Error):
        sessions.log_on("other")


def test_a_new_password(machine, sessions):
    sessions.set_password("tester", "neu")
    later = Sessions(Registry(machine.volume), "STANDIN")
    assert later.authenticate("tester", "neu")
    assert not later.authenticate("tester", "Powerdown-1")


def test_shutdown_without_logon_is_read_at_once_and_has_a_default_by_product(registry, sessions):
    assert not sessions.shutdown_without_logon()
    registry.set(POLICIES_SYSTEM, RegistryValue("ShutdownWithoutLogon", RegistryType.DWORD, 1))
    assert sessions.shutdown_without_logon()
    registry.delete_value(POLICIES_SYSTEM, "ShutdownWithoutLogon")
    assert not sessions.shutdown_without_logon()
    registry.set(PRODUCT_OPTIONS, text("ProductType", "WinNT"))
    assert sessions.shutdown_without_logon()
