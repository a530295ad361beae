import pytest
from standin.errors import Win32Error
from standin.power import (
    BALANCED,
    HIGH_PERFORMANCE,
    PBUTTONACTION,
    POLICY_KEY,
    SCHEMES_KEY,
    SETTINGS_KEY,
    SUB_BUTTONS,
    PowerButtonAction,
    PowerPolicy,
)
from standin.registry import Registry, RegistryType, RegistryValue

BUTTON_POLICY = f"{POLICY_KEY}\\{PBUTTONACTION.upper()}"


def dword(name, data):
    return RegistryValue(name, RegistryType.DWORD, data)


@pytest.fixture
def registry(machine):
    return Registry(machine.volume)


@pytest.fixture
def power(registry):
    return PowerPolicy(registry)


def press(power, index, *, ac=True):
    power.set_scheme_value("SCHEME_CURRENT", "SUB_BUTTONS", "PBUTTONACTION", index, ac=ac)


def test_the_default_is_read_through(registry, power):
    own = f"{SCHEMES_KEY}\\{BALANCED}\\{SUB_BUTTONS}\\{PBUTTONACTION}"
    assert not registry.exists(own)
    assert power.power_button_action() == PowerButtonAction.SHUT_DOWN
    default = f"{SETTINGS_KEY}\\{SUB_BUTTONS}\\{PBUTTONACTION}\\DefaultPowerSchemeValues"
    registry.set(f"{default}\\{BALANCED}", dword("ACSettingIndex", 1))
    assert PowerPolicy(registry).power_button_action() == PowerButtonAction.SLEEP


def test_a_scheme_value_takes_effect_on_activation_and_at_boot(registry, power):
    press(power, 0)
    assert power.setting("SUB_BUTTONS", "PBUTTONACTION") == 0
    assert power.power_button_action() == PowerButtonAction.SHUT_DOWN
    assert PowerPolicy(registry).power_button_action() == PowerButtonAction.NOTHING
    power.activate("SCHEME_CURRENT")
    assert power.power_button_action() == PowerButtonAction.NOTHING


def test_mains_counts_and_not_battery(power):
    press(power, 0, ac=False)
    power.activate("SCHEME_CURRENT")
    assert power.power_button_action() == PowerButtonAction.SHUT_DOWN
    assert power.setting("SUB_BUTTONS", "PBUTTONACTION", ac=False) == 0


def test_policy_overrides_the_scheme(registry, power):
    press(power, 3)
    registry.set(BUTTON_POLICY, dword("AcSettingIndex", 0))
    power.activate("SCHEME_CURRENT")
    assert power.power_button_action() == PowerButtonAction.NOTHING
    assert power.setting("SUB_BUTTONS", "PBUTTONACTION") == 3
    registry.delete_key(BUTTON_POLICY)
    power.refresh()
    assert power.power_button_action() == PowerButtonAction.SHUT_DOWN


def test_a_policy_outside_its_range_is_none(registry, power):
    registry.set(BUTTON_POLICY, dword("ACSettingIndex", 4))
    power.refresh()
    assert power.power_button_action() == PowerButtonAction.SHUT_DOWN


def test_another_scheme_has_its_own_values(power):
    press(power, 0)
    power.activate(HIGH_PERFORMANCE)
    assert power.active_scheme() == HIGH_PERFORMANCE
    assert power.power_button_action() == PowerButtonAction.SHUT_DOWN
    power.activate("scheme_balanced")
    assert power.power_button_action() == PowerButtonAction.NOTHING


@pytest.mark.parametrize(
    ("scheme", "subgroup", "setting", "index", "code"),
    [("SCHEME_NONE", "SUB_BUTTONS", "PBUTTONACTION", 0, 2),
     ("SCHEME_CURRENT", "SUB_NONE", "PBUTTONACTION", 0, 2),
     ("SCHEME_CURRENT", "SUB_SLEEP", "PBUTTONACTION", 0, 2),
     ("SCHEME_CURRENT", SUB_BUTTONS.upper(), PBUTTONACTION.upper(), 5, 87),
     ("SCHEME_CURRENT", "SUB_BUTTONS", "PBUTTONACTION", -1, 87)],
)  # fmt: skip
def test_what_powercfg_refuses(power, scheme, subgroup, setting, index, code):
    with pytest.raises(Win32Error) as refused:
        power.set_scheme_value(scheme, subgroup, setting, index)
    assert refused.value.code == code
