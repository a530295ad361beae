"""What the power button does, and where power settings are."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, Status

BUTTON_ACTION_SETTING = Fact(
    "button-action-setting",
    "The action is setting 7648efa3-dd9c-4e3e-b566-50f929386280 (PBUTTONACTION) of sub-group "
    "4f971e89-eebd-4455-a8de-9e59040e7347 (SUB_BUTTONS), for AC and DC apart. GUIDs work where "
    "an alias is hidden.",
    Status.DOCUMENTED,
    ("learn: Power button action",),
)

BUTTON_ACTION_INDEX = Fact(
    "button-action-index",
    "Index 0 is nothing, 1 sleep, 2 hibernate, 3 shut down, 4 display off (Windows 10 and later).",
    Status.DOCUMENTED,
    ("learn: Power button action",),
)

BUTTON_ACTION_STORE = Fact(
    "button-action-store",
    "A scheme stores it below "
    r"`CCS\Control\Power\User\PowerSchemes\<scheme>\<sub-group>\<setting>` as "
    "`ACSettingIndex` and `DCSettingIndex`, REG_DWORD; the case of value names varies between "
    "installations.",
    Status.SEEN,
    ("hives",),
)

BUTTON_DEFAULT_READ_THROUGH = Fact(
    "button-default-read-through",
    "Where the scheme has no value, "
    r"`CCS\Control\Power\PowerSettings\…\DefaultPowerSchemeValues\<scheme>` decides; real "
    "schemes mostly have none.",
    Status.SEEN,
    ("hives",),
)

BUTTON_DEFAULT_SLEEP = Fact(
    "button-default-sleep",
    "That default is 3/3 on 2008 R2 and Windows 10 hives and 1/1 (sleep) on one of Windows 8's "
    "time.",
    Status.SEEN,
    ("hives",),
)

BUTTON_UNSET_IGNORED = Fact(
    "button-unset-ignored",
    "A Windows 10 guest whose button was not set ignored it.",
    Status.REPORTED,
    ("OpenXT/xenclient-oe#605",),
)

BUTTON_POLICY = Fact(
    "button-policy",
    r"`POL\Power\PowerSettings\7648EFA3-DD9C-4E3E-B566-50F929386280` with indexes 0 to 3 "
    "overrides every scheme.",
    Status.DOCUMENTED,
    ("policy reference: Select the Power button action",),
)

ACTIVE_SCHEME = Fact(
    "active-scheme",
    r"`CCS\Control\Power\User\PowerSchemes` `ActivePowerScheme` names the scheme: Balanced "
    "381b4222-f694-41f0-9685-ff5bb260df2e, High performance "
    "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c, Power saver a1841308-3541-4fab-bc81-f71556f20b4a.",
    Status.DOCUMENTED,
    ("learn: power schemes", "hives"),
)

POWERCFG_SET = Fact(
    "powercfg-set",
    "`powercfg /setacvalueindex` and `/setdcvalueindex` count after `/setactive`.",
    Status.DOCUMENTED,
    ("learn: powercfg command-line options",),
)

POWERCFG_OUTPUT = Fact(
    "powercfg-output",
    "`powercfg /query` ends with two hexadecimal numbers of eight digits, AC first; the words "
    "are localised.",
    Status.SEEN,
    ("powercfg dumps",),
)

VM_IS_ON_AC = Fact(
    "vm-is-on-ac",
    "A guest without a battery uses the AC value.",
    Status.DOCUMENTED,
    ("learn: power settings",),
)

PROVISIONED_DEFAULT = Fact(
    "provisioned-default",
    "Where a manufacturer provisioned `ProvACSettingIndex`, the plain `ACSettingIndex` of the "
    "default still counts.",
    Status.UNCONFIRMED,
    ("public tools disagree",),
)

POWER_SETTING_UNSET = Fact(
    "power-setting-unset",
    "Where neither the scheme nor its default has a value, the documented default counts.",
    Status.UNCONFIRMED,
    (),
)

BUTTON_DEFAULT_WRITE = Fact(
    "button-default-write",
    "An administrator may write `DefaultPowerSchemeValues` and delete the scheme's own value.",
    Status.UNCONFIRMED,
    (),
)

BUTTON_POLICY_EFFECT = Fact(
    "button-policy-effect",
    "Setting the scheme active again makes Windows read the power button policy without a "
    "group policy refresh.",
    Status.UNCONFIRMED,
    (),
)

POWER_LEFT_ON = Fact(
    "power-left-on",
    r"`POL\Windows NT` `DontPowerOffAfterShutdown` 1 makes a shutdown that a program asks for "
    "leave the power on.",
    Status.DOCUMENTED,
    ("learn: Policy CSP, ADMX_Power",),
)

POWER_LEFT_ON_PRESS = Fact(
    "power-left-on-press",
    "It counts for a press of the button too.",
    Status.UNCONFIRMED,
    (),
)

FACTS = (
    BUTTON_ACTION_SETTING,
    BUTTON_ACTION_INDEX,
    BUTTON_ACTION_STORE,
    BUTTON_DEFAULT_READ_THROUGH,
    BUTTON_DEFAULT_SLEEP,
    BUTTON_UNSET_IGNORED,
    BUTTON_POLICY,
    ACTIVE_SCHEME,
    POWERCFG_SET,
    POWERCFG_OUTPUT,
    VM_IS_ON_AC,
    PROVISIONED_DEFAULT,
    POWER_SETTING_UNSET,
    BUTTON_DEFAULT_WRITE,
    BUTTON_POLICY_EFFECT,
    POWER_LEFT_ON,
    POWER_LEFT_ON_PRESS,
)
"""In the order of ``docs/windows-facts.md``."""
