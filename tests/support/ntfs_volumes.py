"""Small real NTFS volumes with hives on them, made by ntfs-3g's and libguestfs' tools.

``windows-volume.ntfs.xz`` is a volume of 6 MiB with Windows' directories and no file, made once
because only a mounted volume can be given directories::

    truncate -s 6M v; mkntfs -F -Q -q -s 512 -p 0 -H 16 -S 63 -c 4096 v; ntfs-3g v m
    mkdir -p m/Windows/System32/config m/Windows/System32/winevt/Logs m/Users/{tester,Public}
    umount m; xz --delta=dist=2 --lzma2=preset=9 v
"""

from __future__ import annotations

import lzma
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import hivex
from standin.hive import empty_hive

from powerdown.disk.hive.hive_logs import BASE_BYTES, base_checksum
from powerdown.disk.hive.marvin import marvin32

MIB = 1 << 20
CONFIG = "Windows/System32/config"
SYSTEM_LOG = "Windows/System32/winevt/Logs/System.evtx"
PROFILE_HIVE = "Users/tester/NTUSER.DAT"

Values = Mapping[str, tuple[int, bytes]]
"""Type and raw data by name."""


def text(value: str) -> bytes:
    return (value + "\0").encode("utf-16-le")


def dword(value: int) -> tuple[int, bytes]:
    return 4, struct.pack("<I", value)


def run(*command: str, input: str | None = None) -> str:
    done = subprocess.run(
        command, input=input, text=True, check=True, timeout=60, capture_output=True
    )
    return done.stdout


def windows_volume() -> bytes:
    """A volume with Windows' directories."""
    return lzma.decompress((Path(__file__).parent / "windows-volume.ntfs.xz").read_bytes())


def put(volume: Path, path: str, content: bytes) -> None:
    """Put a file on a volume."""
    source = volume.with_name(volume.name + ".put")
    source.write_bytes(content)
    run("ntfscp", "--force", str(volume), str(source), path)
    source.unlink()


def hive(path: Path, keys: Mapping[str, Values]) -> bytes:
    r"""A hive with these keys, written by hivex.

    :param path: where it is made.
    :param keys: values by the key's path, as ``ControlSet001\Control``.
    """
    path.write_bytes(empty_hive(path.name))
    change(path, keys)
    return path.read_bytes()


def change(path: Path, keys: Mapping[str, Values]) -> None:
    """Add keys to a hive, and set their values."""
    handle = hivex.Hivex(str(path), write=True)
    for key, values in keys.items():
        node = handle.root()
        for name in key.split("\\"):
            node = handle.node_get_child(node, name) or handle.node_add_child(node, name)
        handle.node_set_values(
            node, [{"key": n, "t": kind, "value": data} for n, (kind, data) in values.items()]
        )
    handle.commit(str(path))


SYSTEM_KEYS: dict[str, Values] = {
    "Select": {"Current": dword(2), "Default": dword(2)},
    r"ControlSet001\Control": {"WaitToKillServiceTimeout": (1, text("1"))},
    r"ControlSet002\Control": {"WaitToKillServiceTimeout": (1, text("5000"))},
    r"ControlSet002\Services\wuauserv": {"PreshutdownTimeout": dword(3_600_000)},
    r"ControlSet002\Services\Gpsvc": {"PreshutdownTimeout": dword(900_000), "Start": dword(2)},
}
SOFTWARE_KEYS: dict[str, Values] = {
    r"Microsoft\Windows NT\CurrentVersion": {"ProductName": (1, text("Windows Server"))},
}
USER_KEYS: dict[str, Values] = {r"Control Panel\Desktop": {"AutoEndTasks": (1, text("1"))}}


def windows(path: Path) -> Path:
    """A bare volume with a small Windows on it, at ``path``."""
    path.write_bytes(windows_volume())
    made = path.with_name(path.name + ".hive")
    put(path, f"{CONFIG}/SYSTEM", hive(made, SYSTEM_KEYS))
    put(path, f"{CONFIG}/SOFTWARE", hive(made, SOFTWARE_KEYS))
    put(path, f"{CONFIG}/DEFAULT", hive(made, USER_KEYS))
    put(path, PROFILE_HIVE, hive(made, USER_KEYS))
    made.unlink()
    return path


def partitioned(path: Path, volumes: list[bytes], label: str = "gpt") -> list[int]:
    """A raw disk at ``path`` with these volumes, one after another.

    :return: where each begins, in bytes.
    """
    begin, lines, places = MIB, [f"label: {label}"], []
    for volume in volumes:
        size = -(-len(volume) // MIB) * MIB
        lines.append(f"{begin // 512},{size // 512},7" if label == "dos" else
                     f"{begin // 512},{size // 512}")  # fmt: skip
        places.append(begin)
        begin += size
    with path.open("wb") as file:
        file.truncate(begin + MIB)
    run("sfdisk", "--quiet", str(path), input="\n".join(lines) + "\n")
    with path.open("r+b") as file:
        for place, volume in zip(places, volumes, strict=True):
            file.seek(place)
            file.write(volume)
    return places


def base_block(
    hive: bytes, *, primary: int, secondary: int, kind: int = 0, bins: int | None = None
) -> bytes:
    """The base block of a hive with other numbers in it."""
    block = bytearray(hive[:BASE_BYTES])
    struct.pack_into("<II", block, 4, primary, secondary)
    struct.pack_into("<I", block, 28, kind)
    if bins is not None:
        struct.pack_into("<I", block, 40, bins)
    struct.pack_into("<I", block, 508, base_checksum(bytes(block)))
    return bytes(block)


def being_written(hive: bytes, primary: int, secondary: int) -> bytes:
    """A hive whose write has begun and not ended."""
    return base_block(hive, primary=primary, secondary=secondary) + hive[BASE_BYTES:]


def changed_pages(old: bytes, new: bytes, page: int) -> list[tuple[int, bytes]]:
    """Offset in the bins and content of what differs."""
    return [
        (at - BASE_BYTES, new[at : at + page])
        for at in range(BASE_BYTES, len(new), page)
        if old[at : at + page] != new[at : at + page]
    ]


def log_entry(number: int, bins: int, pages: list[tuple[int, bytes]]) -> bytes:
    """An entry of a log of the new format."""
    body = b"".join(struct.pack("<II", offset, len(data)) for offset, data in pages)
    body += b"".join(data for _, data in pages)
    body += bytes(-(40 + len(body)) % 512)
    head = struct.pack("<4sIIIII", b"HvLE", 40 + len(body), 0, number, bins, len(pages))
    head += struct.pack("<Q", marvin32(body))
    return head + struct.pack("<Q", marvin32(head)) + body


def new_log(hive: bytes, first: int, entries: list[bytes]) -> bytes:
    """A log of the new format whose first entry has this number."""
    return base_block(hive, primary=first, secondary=first, kind=6)[:512] + b"".join(entries)


def old_log(old: bytes, new: bytes, number: int) -> bytes:
    """A log of the old format that makes ``new`` of ``old``."""
    bins = len(new) - BASE_BYTES
    vector = bytearray(bins // 512 // 8)
    pages = changed_pages(old, new, 512)
    for offset, _ in pages:
        vector[offset // 512 // 8] |= 1 << offset // 512 % 8
    head = base_block(old, primary=number, secondary=number, kind=1, bins=bins)[:512]
    head += b"DIRT" + bytes(vector)
    return head + bytes(-len(head) % 512) + b"".join(data for _, data in pages)
