"""A stand-in's disk in the hands of programs that share nothing with the stand-in."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from pathlib import Path

import evtx

from powerdown.core.deadline import Deadline
from powerdown.images.qemu_tool import qemu_img

# Debian keeps it where a plain user's PATH does not look.
SFDISK = "/usr/sbin/sfdisk"
NTFSRESIZE = "/usr/sbin/ntfsresize"
SECONDS = 60
NS = "{http://schemas.microsoft.com/win/2004/08/events/event}"


def system_volume(overlay: Path, directory: Path) -> Path:
    """The NTFS volume of a qcow2 disk as a file of its own, found by sfdisk."""
    raw = directory / "disk.raw"
    qemu_img(
        ["convert", "-f", "qcow2", "-O", "raw", str(overlay), str(raw)], Deadline.after(SECONDS)
    )
    table = json.loads(output(SFDISK, "--json", str(raw)))["partitiontable"]
    (windows,) = (p for p in table["partitions"] if p["name"] == "powerdown-windows")
    volume = directory / "volume.ntfs"
    options = ["bs=512", f"skip={windows['start']}", f"count={windows['size']}", "conv=sparse"]
    output("dd", f"if={raw}", f"of={volume}", "status=none", *options)
    raw.unlink()
    return volume


def output(*command: str, text: str | None = None) -> bytes:
    """What a program prints; ``text`` is its standard input."""
    given = None if text is None else text.encode()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, input=given, timeout=SECONDS)
    return done.stdout


def log_records(path: Path, form: str = "records") -> dict[int, dict[str, str]]:
    """What omerbenamram/evtx, a Rust program, finds in an .evtx file, by record id.

    Up to what it cannot read.
    """
    found = {}
    records = getattr(evtx.PyEvtxParser(str(path)), form)()
    with suppress(RuntimeError):
        for record in records:
            found[record["event_record_id"]] = record
    return found


def plain(xml: str) -> list[tuple[str, dict[str, str], str]]:
    """An event's XML as values that compare whatever its layout."""
    root = ElementTree.fromstring(xml.encode())
    system, data = list(root)
    parts = [(e.tag, e.attrib, (e.text or "").strip()) for e in system]
    parts += [(e.tag, e.attrib, e.text or "") for e in data if e.tag == f"{NS}Data" or e.text]
    return [
        (
            tag.removeprefix(NS),
            {name: same(text) for name, text in attributes.items()},
            same("" if text.isspace() and "\n" in text else text),
        )
        for tag, attributes, text in parts
    ]


def same(text: str) -> str:
    """GUIDs and times in one notation."""
    if re.fullmatch(r"\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?", text):
        return text.strip("{}").lower()
    return re.sub(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})0?Z$", r"\1", text)
