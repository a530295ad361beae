from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.errors import ControlChannelError
from powerdown.windows.power_button import PowerButton, parse_powercfg_indexes
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from powerdown.windows.settings.stored_value import PowerSource

# As printed by powercfg on Windows 10 (Microsoft Learn, "powercfg command-line options").
ENGLISH = """\
Power Scheme GUID: 381b4222-f694-41f0-9685-ff5bb260df2e  (Balanced)
  GUID Alias: SCHEME_BALANCED
  Subgroup GUID: 4f971e89-eebd-4455-a8de-9e59040e7347  (Power buttons and lid)
    Power Setting GUID: 7648efa3-dd9c-4e3e-b566-50f929386280  (Power button action)
      Possible Setting Index: 000
      Possible Setting Friendly Name: Do nothing
      Possible Setting Index: 003
      Possible Setting Friendly Name: Shut down
    Current AC Power Setting Index: 0x00000003
    Current DC Power Setting Index: 0x00000001
"""
GERMAN = ENGLISH.replace(
    "Current AC Power Setting Index", "Index der aktuellen Wechselstromeinstellung"
)


@pytest.mark.parametrize(
    "text",
    [
        ENGLISH,
        GERMAN,
        ENGLISH.replace("\n", "  \n"),
        ENGLISH.replace(": 0x", "\N{NO-BREAK SPACE}:\N{NO-BREAK SPACE}0x"),
        ENGLISH.replace(": 0x", "\N{FULLWIDTH COLON}0x"),
    ],
)
def test_indexes_are_read_in_any_language(text: str) -> None:
    assert parse_powercfg_indexes(text, POWER_BUTTON) == {PowerSource.AC: 3, PowerSource.DC: 1}


@given(st.text())
def test_text_without_indexes_is_an_error(text: str) -> None:
    if "0x" not in text:
        with pytest.raises(ControlChannelError, match="no AC and DC index"):
            parse_powercfg_indexes(text, POWER_BUTTON)


index = st.sampled_from(list(ButtonAction))


@given(index, index, st.one_of(st.none(), index))
def test_policy_overrides_the_scheme(
    ac: ButtonAction, dc: ButtonAction, policy: ButtonAction | None
) -> None:
    button = PowerButton(
        scheme={PowerSource.AC: ac, PowerSource.DC: dc},
        policy={} if policy is None else {PowerSource.AC: policy},
    )
    assert button.effective() is (ac if policy is None else policy)
    assert button.effective(PowerSource.DC) is dc


def test_an_index_nobody_documents_has_no_meaning() -> None:
    assert PowerButton({PowerSource.AC: 9, PowerSource.DC: 9}, {}).effective() is None
