"""The registry on a disk at rest."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, FactStatus

HIVE_FILES = Fact(
    "hive-files",
    r"HKLM\SYSTEM is `Windows\System32\config\SYSTEM`, HKLM\SOFTWARE `config\SOFTWARE`, "
    r"HKU\.DEFAULT `config\DEFAULT`, a user's HKCU `NTUSER.DAT` of the profile.",
    FactStatus.DOCUMENTED,
    ("learn: Registry Hives",),
)

CONTROL_SET = Fact(
    "control-set",
    r"CurrentControlSet is ControlSet00N with N from `Select\Current`; what is written to it "
    "counts at the next boot.",
    FactStatus.DOCUMENTED,
    (
        "learn: Registry Hives",
        "hives",
    ),
)
