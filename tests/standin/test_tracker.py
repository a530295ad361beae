import pytest
from standin import tracker
from standin.logon import PRODUCT_OPTIONS
from standin.registry import Registry, RegistryType, RegistryValue


@pytest.mark.parametrize(
    ("product", "policy", "own", "on"),
    [
        ("ServerNT", {}, {}, True),
        ("LanmanNT", {}, {}, True),
        ("WinNT", {}, {}, False),
        ("WinNT", {"ShutdownReasonOn": 1}, {}, True),
        ("ServerNT", {"ShutdownReasonOn": 0}, {}, False),
        ("WinNT", {"ShutdownReasonOn": 1, "ShutdownReasonUI": 1}, {}, True),
        ("ServerNT", {"ShutdownReasonOn": 0, "ShutdownReasonUI": 1}, {}, False),
        ("ServerNT", {"ShutdownReasonUI": 0}, {}, False),
        ("ServerNT", {"ShutdownReasonOn": 1, "ShutdownReasonUI": 2}, {}, False),
        ("WinNT", {"ShutdownReasonOn": 1, "ShutdownReasonUI": 2}, {}, True),
        ("ServerNT", {"ShutdownReasonOn": 1, "ShutdownReasonUI": 3}, {}, True),
        ("WinNT", {"ShutdownReasonOn": 1, "ShutdownReasonUI": 3}, {}, False),
        ("ServerNT", {}, {"ShutdownReasonUI": 0}, False),
        ("ServerNT", {"ShutdownReasonOn": 1}, {"ShutdownReasonOn": 0}, True),
    ],
)
def test_whether_it_is_on(machine, product, policy, own, on):
    registry = Registry(machine.volume)
    registry.set(PRODUCT_OPTIONS, RegistryValue("ProductType", RegistryType.SZ, product))
    for key, values in ((tracker.POLICY, policy), (tracker.RELIABILITY, own)):
        for name, number in values.items():
            registry.set(key, RegistryValue(name, RegistryType.DWORD, number))
    assert tracker.is_on(registry) is on
