import pytest
from standin.errors import Win32Error
from standin.logon import PRODUCT_OPTIONS
from standin.registry import RegistryType, RegistryValue
from standin.rights import ADMINISTRATORS, BACKUP_OPERATORS, SHUTDOWN, USERS
from standin.shutdown import ShutdownRequest

TESTER = "STANDIN\\tester"


def test_defaults_by_product(machine):
    system = machine.boot()
    assert system.rights.holders() == [ADMINISTRATORS, BACKUP_OPERATORS]
    system.registry.set(PRODUCT_OPTIONS, RegistryValue("ProductType", RegistryType.SZ, "WinNT"))
    assert system.rights.holders() == [ADMINISTRATORS, USERS, BACKUP_OPERATORS]
    assert system.rights.holders("SeDebugPrivilege") == []


@pytest.mark.parametrize(
    ("holders", "may"),
    [((), False), (("Administrators",), True), (("*S-1-5-32-551",), False), (("tester",), True),
     (("STANDIN\\tester",), True), (("Backup Operators", "*S-1-5-32-545"), True)],
)  # fmt: skip
def test_who_may(machine, holders, may):
    rights = machine.boot().rights
    rights.grant_only(SHUTDOWN, [rights.sid(name) for name in holders])
    assert rights.may_shut_down(TESTER) is may
    assert rights.may_shut_down("NT AUTHORITY\\SYSTEM")
    assert machine.boot().rights.may_shut_down(TESTER) is may


def test_an_account_that_does_not_exist(machine):
    with pytest.raises(Win32Error):
        machine.boot().rights.sid("nobody")


def test_without_the_right_the_api_is_refused_and_the_button_is_not(machine):
    system = machine.boot()
    system.rights.grant_only(SHUTDOWN, [])
    before = machine.last_record()
    assert system.request_shutdown(ShutdownRequest(user=TESTER)) == (False, 1314)
    assert machine.ids(before) == [1073]
    assert system.event_log.events()[-1].data == [("param1", "STANDIN"), ("param2", TESTER)]
    system.press_power_button()
    assert machine.ended() == "power off"


def test_the_system_itself_always_may(machine):
    system = machine.boot()
    system.rights.grant_only(SHUTDOWN, [])
    assert system.request_shutdown(ShutdownRequest()).accepted
    machine.ended()
