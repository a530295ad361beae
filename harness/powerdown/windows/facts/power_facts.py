"""What the power button does: the power schemes."""

from __future__ import annotations

from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

BUTTON_ACTION_SETTING = Fact(
    "button-action-setting",
    "The action is setting 7648efa3-dd9c-4e3e-b566-50f929386280 (PBUTTONACTION) of sub-group "
    "4f971e89-eebd-4455-a8de-9e59040e7347 (SUB_BUTTONS), for AC and DC apart; GUIDs work where "
    "an alias is hidden.",
    FactStatus.DOCUMENTED,
    ("learn: Power button action",),
)

BUTTON_ACTION_INDEX = Fact(
    "button-action-index",
    "Index 0 is nothing, 1 sleep, 2 hibernate, 3 shut down, 4 display off (Windows 10 and later).",
    FactStatus.DOCUMENTED,
    ("learn: Power button action",),
)

BUTTON_ACTION_STORE = Fact(
    "button-action-store",
    "A scheme stores it below "
    r"`CCS\Control\Power\User\PowerSchemes\<scheme>\<sub-group>\<setting>` as `ACSettingIndex` "
    "and `DCSettingIndex`, REG_DWORD; the case of value names varies between installations.",
    FactStatus.SEEN,
    ("hives",),
)

BUTTON_DEFAULT_READ_THROUGH = Fact(
    "button-default-read-through",
    "Where the scheme has no value, "
    r"`CCS\Control\Power\PowerSettings\…\DefaultPowerSchemeValues\<scheme>` decides; real schemes "
    "mostly have none.",
    FactStatus.SEEN,
    ("hives",),
)

BUTTON_DEFAULT_SLEEP = Fact(
    "button-default-sleep",
    "The power button's default is 3/3 on 2008 R2 and Windows 10 hives and 1/1 (sleep) on one of "
    "Windows 8's time.",
    FactStatus.SEEN,
    ("hives",),
)

PROVISIONED_DEFAULTS = Fact(
    "provisioned-defaults",
    "Where a manufacturer provisioned `ProvACSettingIndex`, the plain `ACSettingIndex` of the "
    "default still counts.",
    FactStatus.UNCONFIRMED,
    ("public tools, which disagree",),
    experiment=Experiment(
        set_up=(
            "Choose a setting whose default has both values, with different indexes, and remove "
            "the scheme's own value; as SYSTEM where administrators may not."
        ),
        action="Restart, and read the setting with `powercfg /qh`.",
        shows="The index that is printed is that of `ACSettingIndex`.",
    ),
)

POWER_SETTING_DEFAULTS = Fact(
    "power-setting-defaults",
    "A power setting that neither scheme nor defaults store has its documented default.",
    FactStatus.UNCONFIRMED,
    ("learn: power settings",),
    experiment=Experiment(
        set_up=(
            "Read the registry of a fresh installation for settings that neither the scheme nor "
            "`DefaultPowerSchemeValues` has, such as the hidden SHUTDOWN."
        ),
        action="Read each with `powercfg /qh`.",
        shows="The index that is printed is the documented default.",
    ),
)

SCHEME_VALUE_DELETE = Fact(
    "scheme-value-delete",
    "An administrator may delete a scheme's own value of a power setting in the registry.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up=(
            "Set the button's action by `powercfg`, so that the active scheme has a value of its "
            "own."
        ),
        action="Run `reg delete` on the setting's key below the scheme, elevated.",
        shows="Exit code 0, and the key is gone.",
    ),
)

DEFAULT_VALUE_WRITE = Fact(
    "default-value-write",
    "An administrator may write a scheme's default below `DefaultPowerSchemeValues`.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Use an elevated account of the Administrators group.",
        action=(
            "Run `reg add` for `ACSettingIndex` of the button's action below the active scheme's "
            "default."
        ),
        shows="Exit code 0, and the value is there.",
    ),
)

BUTTON_UNSET_IGNORED = Fact(
    "button-unset-ignored",
    "A Windows 10 guest whose button was not set ignored it.",
    FactStatus.REPORTED,
    ("OpenXT/xenclient-oe#605",),
)

POWER_LEFT_ON = Fact(
    "power-left-on",
    r"`POL\Windows NT` `DontPowerOffAfterShutdown` 1 makes a shutdown that a program asks for "
    "leave the power on.",
    FactStatus.DOCUMENTED,
    ("learn: Policy CSP, ADMX_Power",),
)

POWER_LEFT_ON_PRESS = Fact(
    "power-left-on-press",
    "With the policy `DontPowerOffAfterShutdown` 1, a press of the button leaves the power on as "
    "well.",
    FactStatus.UNCONFIRMED,
    ("learn: Policy CSP, ADMX_Power",),
    experiment=Experiment(
        set_up="Set `DontPowerOffAfterShutdown` to 1 and restart.",
        action="Press the button; start the guest again and run `shutdown /s /t 0`.",
        shows="After either, Windows ends, and QEMU reports no `SHUTDOWN`.",
    ),
)

BUTTON_POLICY = Fact(
    "button-policy",
    r"`POL\Power\PowerSettings\7648EFA3-DD9C-4E3E-B566-50F929386280` with indexes 0 to 3 "
    "overrides every scheme.",
    FactStatus.DOCUMENTED,
    ("policy reference: Select the Power button action",),
)

POLICY_REACTIVATE = Fact(
    "policy-reactivate",
    "`powercfg /setactive` of the active scheme makes Windows read a changed power button "
    "policy, without a group policy refresh.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Set the button to shut down, and restart.",
        action=(
            "Write the policy with index 0, run `powercfg /setactive SCHEME_CURRENT`, and press "
            "the button."
        ),
        shows="Nothing follows the press.",
    ),
)

ACTIVE_SCHEME = Fact(
    "active-scheme",
    r"`CCS\Control\Power\User\PowerSchemes` `ActivePowerScheme` names the scheme: Balanced "
    "381b4222-f694-41f0-9685-ff5bb260df2e, High performance "
    "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c, Power saver a1841308-3541-4fab-bc81-f71556f20b4a.",
    FactStatus.DOCUMENTED,
    (
        "learn: power schemes",
        "hives",
    ),
)

POWERCFG_SET = Fact(
    "powercfg-set",
    "`powercfg /setacvalueindex` and `/setdcvalueindex` count after `/setactive`.",
    FactStatus.DOCUMENTED,
    ("learn: powercfg command-line options",),
)

POWERCFG_UNDER_POLICY = Fact(
    "powercfg-under-policy",
    "`powercfg /setacvalueindex` sets the scheme's index though a policy sets the same setting.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Write the power button policy with index 3 and restart.",
        action="Run `powercfg /setacvalueindex` with index 0 for the button, elevated.",
        shows="Exit code 0, and the scheme has index 0 in the registry.",
    ),
)

POWERCFG_OUTPUT = Fact(
    "powercfg-output",
    "`powercfg /query` ends with two hexadecimal numbers of eight digits, AC first; the words "
    "are localised.",
    FactStatus.SEEN,
    ("powercfg dumps",),
)

POWERCFG_QUERY_HIDDEN = Fact(
    "powercfg-query-hidden",
    "`powercfg /query` prints the power button's setting on every installation, though its "
    "documentation calls it hidden.",
    FactStatus.UNCONFIRMED,
    (
        "learn: Power button action",
        "powercfg dumps",
    ),
    experiment=Experiment(
        set_up="Install each release from its own media.",
        action="Run `powercfg /query SCHEME_CURRENT SUB_BUTTONS` and `powercfg /qh` of the same.",
        shows="The first prints the setting's GUID as the second does.",
    ),
)

VM_IS_ON_AC = Fact(
    "vm-is-on-ac",
    "A guest without a battery uses the AC value.",
    FactStatus.DOCUMENTED,
    ("learn: power settings",),
)
