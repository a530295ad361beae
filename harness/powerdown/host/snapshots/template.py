"""One template on disk: its files, its manifest, and whether the files are unchanged.

A template is a directory with these files; the memory may be elsewhere, on a tmpfs.

========== ===========================================================
manifest   what it was made from and the digest of every file; written
           last: without it the template is incomplete
devices    state of CPUs and devices, from QEMU
disk.qcow2 what the guest wrote while it booted, an overlay of the image
clone.qcow2 an empty overlay of ``disk.qcow2``, to be copied
clone.efivars UEFI variables, to be copied; only with UEFI firmware
memory     the guest's memory
disk.tpm   state of the TPM that the saved guest used, if it has one;
           clones get theirs from ``devices``
========== ===========================================================
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from powerdown.core.errors import HostError
from powerdown.core.files import write_atomically
from powerdown.machine.qemu.launch import variables_beside
from powerdown.machine.saved_state import SavedState

MANIFEST = "manifest.json"
_FORMAT = 1
_CHUNK_BYTES = 1 << 20
_ZEROS = bytes(_CHUNK_BYTES)


@dataclass(frozen=True)
class PartialTemplate:
    """The files of a template, complete or not.

    :param directory: of the template.
    :param memory: the guest's memory.
    """

    directory: Path
    memory: Path

    @property
    def devices(self) -> Path:
        """State of CPUs and devices."""
        return self.directory / "devices"

    @property
    def disk(self) -> Path:
        """The overlay that the saved guest has written to."""
        return self.directory / "disk.qcow2"

    @property
    def empty_overlay(self) -> Path:
        """An overlay of :attr:`disk` without content."""
        return self.directory / "clone.qcow2"

    @property
    def variables(self) -> Path:
        """UEFI variables as the saved guest left them, if it has any."""
        return variables_beside(self.disk)

    def files(self) -> list[Path]:
        """All that exist."""
        return [file for file in (*self.needed_files(), self.variables) if file.is_file()]

    def needed_files(self) -> tuple[Path, ...]:
        """Those that every template has."""
        return (self.devices, self.disk, self.empty_overlay, self.memory)


@dataclass(frozen=True)
class Template:
    """A complete template.

    :param key: what it was made from; see :mod:`template_key`.
    :param image: name of the image.
    :param made_at: when, in seconds since the epoch.
    :param uptime: seconds the guest had run.
    :param clock_ahead: seconds its clock was ahead of the host's UTC; ``None`` if unknown.
    :param memory_mib: the guest's memory.
    :param partial: where the files are.
    :param digests: of every file, by path.
    """

    key: str
    image: str
    made_at: float
    uptime: float
    clock_ahead: float | None
    memory_mib: int
    partial: PartialTemplate
    digests: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its key and a unique suffix."""
        return self.partial.directory.name

    @property
    def saved_state(self) -> SavedState:
        """The state that a machine is restored from."""
        return SavedState(self.partial.memory, self.partial.devices, self.uptime)

    def clone_disk(self, directory: Path) -> Path:
        """Make the disk of a clone in a new directory within ``directory``; return its path.

        :raise HostError: it cannot be written.
        """
        try:
            overlay = Path(mkdtemp(dir=directory.absolute())) / "overlay.qcow2"
            shutil.copyfile(self.partial.empty_overlay, overlay)
            if self.partial.variables.exists():
                shutil.copyfile(self.partial.variables, variables_beside(overlay))
        except OSError as error:
            raise HostError(
                f"copy {self.partial.empty_overlay} to {directory}",
                error.strerror or str(error),
                "Free some space there.",
            ) from error
        return overlay

    def fingerprint(self) -> dict[str, list[int]]:
        """Inode, size and times of each file: changes when one is written to or replaced."""
        return {str(file): _stamp(file) for file in self.partial.files()}

    def damage(self) -> str:
        """Read all files and name the first that is wrong; empty if all are sound."""
        present = {str(file) for file in self.partial.files()}
        needed = {str(file) for file in self.partial.needed_files()}
        for path in sorted({*self.digests, *needed} - present):
            return f"{path} is missing"
        for path in sorted(present - set(self.digests)):
            return f"{path} is not part of it"
        for path, expected in self.digests.items():
            try:
                found = content_digest(Path(path))
            except OSError as error:
                return f"{path} cannot be read ({error.strerror or error})"
            if found != expected:
                return f"{path} has changed since it was saved"
        return ""

    def write_manifest(self) -> None:
        """Complete the template: from now on it is found."""
        values = asdict(self)
        values["partial"] = {"memory": str(self.partial.memory)}
        manifest = self.partial.directory / MANIFEST
        write_atomically(manifest, json.dumps({"format": _FORMAT, **values}, indent=2) + "\n")


def read_template(directory: Path) -> Template | None:
    """Read the manifest of the template in a directory; ``None`` if there is none."""
    try:
        values: dict[str, Any] = json.loads((directory / MANIFEST).read_bytes())
        if values.pop("format") != _FORMAT:
            return None
        partial = PartialTemplate(directory, Path(values.pop("partial")["memory"]))
        digests = {str(path): str(value) for path, value in dict(values.pop("digests")).items()}
        template = Template(partial=partial, digests=digests, **values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return template if _typed(template) else None


def _typed(template: Template) -> bool:
    numbers = (template.made_at, template.uptime, template.memory_mib)
    ahead = template.clock_ahead
    return (
        isinstance(template.key, str)
        and isinstance(template.image, str)
        and all(isinstance(number, int | float) for number in numbers)
        and (ahead is None or isinstance(ahead, int | float))
    )


def content_digest(file: Path) -> str:
    """Digest of a file's size and of its content other than zeros.

    Holes are not read: most of a guest's memory is one.

    :raise OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as opened:
        digest.update(f"{os.fstat(opened.fileno()).st_size}".encode())
        for number in _chunks_with_data(opened.fileno()):
            chunk = os.pread(opened.fileno(), _CHUNK_BYTES, number * _CHUNK_BYTES)
            if chunk != _ZEROS[: len(chunk)]:
                digest.update(f"|{number}|".encode())
                digest.update(chunk)
    return digest.hexdigest()


def _chunks_with_data(descriptor: int) -> Iterator[int]:
    """Numbers of the chunks that hold data, in order."""
    following, end = 0, 0
    while True:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:
            # ENXIO: no data after this.
            return
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        first, last = max(following, start // _CHUNK_BYTES), (end - 1) // _CHUNK_BYTES
        yield from range(first, last + 1)
        following = last + 1


def _stamp(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
