"""A SYSTEM hive of an invented Windows Server, as difficult to read as real ones.

- Two control sets. The second is current; the first has other values everywhere.
- Some 600 services in each, with more than 3000 values.
- Values of every type, with data in the value itself, in a cell, in segments, or absent.
- Names in one byte per character and in two, with backslashes, in several scripts.
- A key with more subkeys than fit in one list, and kinds of lists of older releases.
- Keys eleven levels below the root, class names, three security descriptors.
- Deleted keys, whose free cells keep their content and are the only free space.
"""

from __future__ import annotations

import struct

from tests.support.hive_builder import Key, hive_of

NONE, SZ, EXPAND_SZ, BINARY, DWORD, DWORD_BIG_ENDIAN, LINK, MULTI_SZ = range(8)
RESOURCE_LIST, FULL_RESOURCE_DESCRIPTOR, RESOURCE_REQUIREMENTS, QWORD = 8, 9, 10, 11
DEVICE_PROPERTY = 0xFFFF0012
"""Type of values with device properties."""

BALANCED = "381b4222-f694-41f0-9685-ff5bb260df2e"
HIGH_PERFORMANCE = "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c"
POWER_SAVER = "a1841308-3541-4fab-bc81-f71556f20b4a"
_BUTTONS = "4f971e89-eebd-4455-a8de-9e59040e7347"
_POWER_BUTTON = rf"{_BUTTONS}\7648efa3-dd9c-4e3e-b566-50f929386280"
_SLEEP_BUTTON = rf"{_BUTTONS}\96996bc0-ad50-47ec-923b-6f41874dd9eb"
_STANDBY_IDLE = r"238c9fa8-0aad-41ed-83f4-97be242c8f20\29f6c1db-86da-48c5-9fdb-f2b67b1f44da"
_VIDEO_IDLE = r"7516b95f-f776-4464-8c53-06167f40cc99\3c0bc021-c8a8-4e07-a973-6b14cbcb2b7e"
"""Sub-group and setting (fact:button-action-store, fact:sleep-settings, fact:display-settings)."""

_SERVICES = 620
_DEVICE_CLASSES = 1_300

Value = tuple[int, bytes]


def text(value: str, kind: int = SZ) -> Value:
    return kind, (value + "\0").encode("utf-16-le")


def texts(*values: str) -> Value:
    return MULTI_SZ, "".join(f"{value}\0" for value in (*values, "")).encode("utf-16-le")


def dword(value: int) -> Value:
    return DWORD, struct.pack("<I", value)


def pattern(length: int) -> bytes:
    """Bytes without repetition, so that a misplaced segment shows."""
    return b"".join(struct.pack("<I", 2654435761 * n & 0xFFFFFFFF) for n in range(length))[:length]


def made_system_hive() -> Key:
    """Its keys."""
    root = Key(listing=b"lf")
    # The first set comes first in the file: a reader that searches would find it.
    _older_set(root.at("ControlSet001"))
    _current_set(root.at("ControlSet002"))
    root.at("Select").values = {
        "Current": dword(2),
        "Default": dword(2),
        "Failed": dword(0),
        "LastKnownGood": dword(1),
    }
    root.at("Setup").values = {
        "SystemSetupInProgress": dword(0),
        "OOBEInProgress": dword(0),
        "CmdLine": (SZ, b""),
        "SystemPartition": text(r"\Device\HarddiskVolume1"),
    }
    root.at("MountedDevices").values = {
        r"\DosDevices\C:": (BINARY, b"DMIO:ID:" + pattern(16)),
        r"\??\Volume{2c9f1d6e-0000-0000-0000-100000000000}": (BINARY, pattern(24)),
        "#{5ad3c0a1-77de-11ee-8f0a-806e6f6e6963}": (BINARY, b""),
    }
    return root


def made_system_hive_file() -> bytes:
    """The hive itself."""
    return hive_of(made_system_hive(), "SYSTEM")


def _older_set(control_set: Key) -> None:
    control = control_set.at("Control")
    control.values = {
        "CurrentUser": text("USERNAME"),
        "WaitToKillServiceTimeout": text("12000"),
        "PreshutdownOrder": texts("gpsvc", "trustedinstaller"),
    }
    control.at("ProductOptions").values = {"ProductType": text("WinNT")}
    manager = control.at("Session Manager")
    manager.values = {"SetupExecute": texts()}
    manager.at("Power").values = {"HibernateSetting": (NONE, b"")}
    manager.at("Memory Management").values = {"ClearPageFileAtShutdown": dword(0)}
    control.at("Power").values = {"HibernateEnabled": dword(1)}
    schemes = control.at(r"Power\User\PowerSchemes")
    schemes.values = {"ActivePowerScheme": text(POWER_SAVER)}
    schemes.at(BALANCED)
    for scheme in (BALANCED, POWER_SAVER):
        _default(control, _POWER_BUTTON, scheme, on_ac=0, on_dc=0)
        _default(control, _VIDEO_IDLE, scheme, on_ac=1, on_dc=1)
    _safe_boot(control)
    services = control_set.at("Services")
    _many_services(services)
    services.at("gpsvc").values["PreshutdownTimeout"] = dword(1)
    services.at("wuauserv").values["PreshutdownTimeout"] = dword(57_600_000)
    services.at("WinRM").values["Start"] = dword(4)


def _current_set(control_set: Key) -> None:
    control = control_set.at("Control")
    control.values = {
        "CurrentUser": text("USERNAME"),
        "WaitToKillServiceTimeout": text("45000"),
        "SystemStartOptions": text(" NOEXECUTE=OPTOUT  FVEBOOT=2670592"),
    }
    control.at("ProductOptions").values = {
        "ProductType": text("ServerNT"),
        "ProductPolicy": (BINARY, pattern(40_000)),
    }
    manager = control.at("Session Manager")
    manager.values = {
        "SetupExecute": texts("poqexec.exe /display_progress pending.xml"),
        "PendingFileRenameOperations": texts(r"\??\C:\Temp\x.tmp", "", r"\??\C:\a", r"!\??\C:\b"),
    }
    manager.at("Power").values = {"HiberbootEnabled": dword(1)}
    manager.at("Memory Management").values = {"ClearPageFileAtShutdown": dword(1)}
    manager.at("AppCompatCache").values = {
        "AppCompatCache": (BINARY, pattern(70_001)),
        "longest of one cell": (BINARY, pattern(16_344)),
        "shortest of two": (BINARY, pattern(16_345)),
        "fills two": (BINARY, pattern(2 * 16_344)),
    }
    control.at("Power").values = {"HibernateEnabledDefault": dword(0)}
    schemes = control.at(r"Power\User\PowerSchemes")
    schemes.values = {"ActivePowerScheme": text(BALANCED.upper())}
    schemes.at(rf"{BALANCED}\{_POWER_BUTTON}").values = {"ACSettingIndex": dword(3)}
    schemes.at(rf"{BALANCED}\{_STANDBY_IDLE}").values = {"ACSettingIndex": dword(1800)}
    schemes.at(rf"{HIGH_PERFORMANCE}\{_VIDEO_IDLE}").values = {"ACSettingIndex": dword(0)}
    _default(control, _POWER_BUTTON, BALANCED, on_ac=0, on_dc=1)
    _default(control, _SLEEP_BUTTON, BALANCED, on_ac=2, on_dc=1)
    _default(control, _STANDBY_IDLE, BALANCED, on_ac=0, on_dc=900)
    _default(control, _VIDEO_IDLE, BALANCED, on_ac=600, on_dc=300)
    _default(control, _POWER_BUTTON, HIGH_PERFORMANCE, on_ac=0, on_dc=0)
    _default(control, _VIDEO_IDLE, HIGH_PERFORMANCE, on_ac=5, on_dc=5)
    _safe_boot(control)
    _device_classes(control)
    _every_kind_of_value(control)
    _devices(control_set.at("Enum"))
    services = control_set.at("Services")
    _many_services(services)
    for name, timeout in {
        "gpsvc": 900_000,
        "TrustedInstaller": 3_600_000,
        "UsoSvc": 3_600_001,
        "\u00dcberwachung": 240_000,
        "\u041a\u043e\u043f\u0438\u044f": 3_600_001,
        "Retired": 7_200_000,
    }.items():
        services.at(name).values["PreshutdownTimeout"] = dword(timeout)
    services.at("Retired").values["Start"] = dword(4)
    services.at("WinRM").values["Start"] = dword(2)


def _default(control: Key, setting: str, scheme: str, *, on_ac: int, on_dc: int) -> None:
    """The default of a scheme (fact:button-default-read-through)."""
    key = control.at(rf"Power\PowerSettings\{setting}\DefaultPowerSchemeValues\{scheme}")
    key.values = {"ACSettingIndex": dword(on_ac), "DCSettingIndex": dword(on_dc)}


def _safe_boot(control: Key) -> None:
    for kind, number in (("Minimal", 55), ("Network", 90)):
        for n in range(number):
            guid = f"{{4d36e9{n:02x}-e325-11ce-bfc1-08002be10318}}"
            control.at(rf"SafeBoot\{kind}\{guid}").values = {"": text("Driver Group")}


def _many_services(services: Key) -> None:
    """Each with the values that services have, some with subkeys."""
    services.security = 1
    for n in range(_SERVICES):
        # Not in their order.
        name = f"svc{n * 7919 % _SERVICES:03}"
        service = services.at(name)
        service.security = 1
        service.values = {
            "Type": dword(0x20),
            "Start": dword(n % 5),
            "ErrorControl": dword(1),
            "ImagePath": text(rf"%SystemRoot%\System32\{name}.exe -k netsvcs", EXPAND_SZ),
            "ObjectName": text("LocalSystem"),
            "DependOnService": texts("rpcss", f"svc{n // 2:03}"),
        }
        if n % 3 == 0:
            service.values["FailureActions"] = (BINARY, pattern(20 + n % 40))
        if n % 5 == 0:
            service.values["DisplayName"] = text(f"Dienst f\u00fcr \u4e2d\u6587 {n}")
        if n % 2 == 0:
            service.at("Parameters").values = {"ServiceDll": text(rf"C:\{name}.dll", EXPAND_SZ)}
        if n % 4 == 0:
            service.at("Security").values = {"Security": (BINARY, pattern(168))}
            service.at("Security").security = 2
        if n % 10 == 0:
            # The content of free cells must not be read.
            gone = services.at(f"removed{n:03}")
            gone.deleted = True
            gone.values = dict(service.values, PreshutdownTimeout=dword(123_456_789))
            gone.at("Parameters").values = {"ServiceDll": text(r"C:\removed.dll", EXPAND_SZ)}
    services.at("kbdhid").values = {"Start": dword(3), "ImagePath": text(r"kbdhid.sys", EXPAND_SZ)}
    services.at(r"kbdhid\Parameters").values = {"WorkNicely": dword(0)}


def _device_classes(control: Key) -> None:
    """More keys than fit in one list."""
    classes = control.at("DeviceClasses")
    for n in range(_DEVICE_CLASSES):
        name = f"##?#ROOT#DEVICE#{n:04}#{{{n * 2654435761 & 0xFFFFFFFF:08x}}}"
        classes.at(name).values = {"DeviceInstance": text(rf"ROOT\DEVICE\{n:04}")}
    control.at("Lists of 1996").listing = b"li"
    for n in range(40):
        control.at(rf"Lists of 1996\{n * 17 % 40:02}").class_name = f"class {n}"


def _every_kind_of_value(control: Key) -> None:
    kinds = control.at("Nls\\\u4e2d\u6587 \U0001f600")
    kinds.class_name = "DynDRootClass"
    data = {
        NONE: b"",
        SZ: "no end".encode("utf-16-le"),
        EXPAND_SZ: b"of odd size",
        BINARY: b"\1\2\3\4\5",
        DWORD: b"\1\0\0\x80",
        DWORD_BIG_ENDIAN: b"\0\0\0\7",
        LINK: r"\Registry\Machine\SYSTEM".encode("utf-16-le"),
        MULTI_SZ: "one\0two\0".encode("utf-16-le"),
        RESOURCE_LIST: pattern(36),
        FULL_RESOURCE_DESCRIPTOR: pattern(16),
        RESOURCE_REQUIREMENTS: pattern(300),
        QWORD: b"\xff" * 7 + b"\x7f",
        DEVICE_PROPERTY: text("{4d36e97d-e325-11ce-bfc1-08002be10318}")[1],
    }
    for kind, content in data.items():
        kinds.values[f"type {kind:x}"] = kind, content
    kinds.values |= {
        "": text("the default value"),
        "\u00e4": dword(1),
        "\u0416\U0001f600": text("wide name, \U0001f600"),
        r"back\slash": dword(2),
        "no data of this type": (DWORD, b""),
        "too short for its type": (QWORD, b"\1\2\3\4"),
    }


def _devices(enum: Key) -> None:
    """Keys eleven levels below the root."""
    for n in range(30):
        device = enum.at(rf"PCI\VEN_1AF4&DEV_{0x1000 + n:04X}\3&11583659&0&{n:02x}")
        device.values = {
            "HardwareID": texts(f"PCI\\VEN_1AF4&DEV_{0x1000 + n:04X}", "PCI\\VEN_1AF4"),
            "ConfigFlags": dword(0),
        }
        parameters = r"Device Parameters\Interrupt Management\Affinity Policy\Temporal\Cores\All"
        device.at(parameters).values = {"TargetSet": (QWORD, struct.pack("<Q", n))}
        guid = "{83da6326-97a6-4088-9453-a1923f573b29}"
        installed = device.at(rf"Properties\{guid}\00000064")
        installed.security = 2
        installed.values = {"": (0xFFFF0010, struct.pack("<Q", 131_000_000_000_000_000 + n))}
