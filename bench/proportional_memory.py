"""Memory of processes, with shared pages counted once.

The kernel's proportional set size (Linux: Documentation/filesystems/proc) gives each process its
share of every page that it maps. Over all processes that map a page, the shares add up to one
page. For clones this means:

- A clone maps the template's memory file privately. A page that it has only read is the file's own
  page, shared by all clones that have read it: ``Pss_Shmem`` if the file is on a tmpfs. A page that
  it has written is a copy of its own: ``Pss_Anon``. So are translated code and QEMU's heap.
- The sum over clones therefore counts each file page that *some* clone maps once. It leaves out
  pages of the file that no clone maps at the moment, which take memory of a tmpfs nevertheless. And
  the first clone seems expensive, the second cheap, because they now share what the first had paid.

So the file is counted once and in full, as what it takes on the tmpfs, and of every clone only what
is not a page of it. The cost of the first clone is then what it adds. A file on disk is page cache,
which the kernel reclaims at will: there the plain sum is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.errors import MachineError

MIB = 1 << 20


@dataclass(frozen=True)
class Memory:
    """Memory of one process.

    :param proportional: its proportional set size, in bytes.
    :param shared_file: the part of it that is pages of files on a tmpfs, in bytes.
    """

    proportional: int
    shared_file: int


def read_memory(pid: int | None, proc: Path = Path("/proc")) -> Memory:
    """The memory of a process now.

    :raise MachineError: it has ended, or the kernel does not report it.
    """
    try:
        return parse_rollup((proc / str(pid) / "smaps_rollup").read_text())
    except (OSError, ValueError) as error:
        raise MachineError(f"read the memory of process {pid}", str(error), "") from error


def parse_rollup(text: str) -> Memory:
    """Read ``smaps_rollup``.

    :raise ValueError: it is something else.
    """
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:] if ":" in line)
    if not {"Pss", "Pss_Shmem"} <= fields.keys():
        raise ValueError(f"no proportional set size in {text[:200]!r}")
    return Memory(*(int(fields[name].split()[0]) << 10 for name in ("Pss", "Pss_Shmem")))


def plain_sum(processes: Iterable[Memory]) -> float:
    """Proportional set sizes together, in MiB."""
    return sum(one.proportional for one in processes) / MIB


def with_file_once(processes: Iterable[Memory], file_bytes: int) -> float:
    """The same in MiB, with the template's memory file on a tmpfs counted once and whole."""
    own = sum(one.proportional - one.shared_file for one in processes)
    return (own + file_bytes) / MIB
