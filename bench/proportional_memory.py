"""What processes take of the host's memory, pages they share counted once.

The kernel's proportional set size (Linux: Documentation/filesystems/proc) gives each process its
part of every page it maps. Over all processes that map a page that makes one page, however many
they are. What it means for clones:

- A clone maps the template's memory file privately. A page that it has only read is the file's own
  page, shared by all clones that have read it: ``Pss_Shmem`` when the file lies on a tmpfs. A page
  that it has written is a copy of its own: ``Pss_Anon``. So are translated code and QEMU's heap.
- The sum over clones therefore counts each file page that *some* clone maps once. It leaves out
  pages of the file that no clone maps just now; on a tmpfs they take memory all the same. And the
  first clone seems dear, the second cheap, merely because they halve what the first has paid for.

So the file is counted once and whole, as what it takes on the tmpfs, and of every clone only what
is not a page of it: then the first clone's price is what it adds. A file on disk is page cache,
which the kernel takes back when it wants: there the plain sum is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.errors import MachineError

MIB = 1 << 20


@dataclass(frozen=True)
class Memory:
    """What one process takes.

    :param proportional: its proportional set size, in bytes.
    :param shared_file: what of it is pages of files on a tmpfs, in bytes.
    """

    proportional: int
    shared_file: int


def read_memory(pid: int | None, proc: Path = Path("/proc")) -> Memory:
    """What a process takes now.

    :raise MachineError: it has ended, or the kernel does not tell.
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
