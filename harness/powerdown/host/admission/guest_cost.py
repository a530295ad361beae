"""What guests really cost, as earlier runs have recorded it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import isfinite
from pathlib import Path

from powerdown.core.files import locked, write_atomically
from powerdown.images.image import Image
from powerdown.machine.accelerator import Accelerator

_MIB = 1024 * 1024

_QEMU_MIB = 128
"""Taken for what QEMU itself needs, with its screen and its disk caches; a tiny guest takes 28."""

_ASSUMED_CORES = 0.5
"""Of each CPU, see :func:`assumed_cost`; too little is mended by admission, which measures."""

_ENOUGH = 10
"""Guests to have seen before what they cost is believed."""

_KEPT = 200
"""Guests remembered; about two runs of the catalogue."""

_FULL = 16 * 1024
"""Bytes of a file after which those that are not remembered are taken out of it."""

_SHORTEST = 0.05
"""Seconds; a guest that lived for less tells nothing."""


@dataclass(frozen=True)
class GuestKind:
    """Guests that cost alike.

    :param image: the image's name.
    :param memory_mib: memory as the guest sees it.
    :param vcpus: its virtual CPUs.
    :param accelerator: how they run.
    :param start: how it is started, such as ``cold`` or ``clone``.
    """

    image: str
    memory_mib: int
    vcpus: int
    accelerator: str
    start: str

    @classmethod
    def of(cls, image: Image, accelerator: Accelerator, start: str) -> GuestKind:
        """Guests of an image."""
        return cls(image.name, image.memory_mib, image.vcpus, accelerator.kind.value, start)


@dataclass(frozen=True)
class Life:
    """One guest from its start until it was last looked at.

    :param seconds: how long that was.
    :param wanted: seconds in which its QEMU ran or waited for a CPU, of all threads.
    :param memory: bytes that only it held, at most.
    """

    seconds: float
    wanted: float
    memory: int


@dataclass(frozen=True)
class GuestCost:
    """What one guest costs.

    :param cores: cores wanted, the mean over its life.
    :param memory: bytes that only it holds, at most.
    :param seen: how many guests this was learnt from; 0 when it is assumed.
    """

    cores: float
    memory: int
    seen: int


def assumed_cost(kind: GuestKind) -> GuestCost:
    """What a guest is taken to cost before any was seen.

    Half of its CPUs: guests of the catalogue mostly wait, under software emulation they were seen
    to want 0.45 of one. All its memory and QEMU's own, which is the most that it can take.

    Under software emulation QEMU keeps translated code as well, an eighth of the guest's memory
    (:mod:`command_line`).
    """
    memory = kind.memory_mib + max(32, kind.memory_mib // 8) + _QEMU_MIB
    return GuestCost(_ASSUMED_CORES * kind.vcpus, memory * _MIB, 0)


def learnt_cost(kind: GuestKind, lives: Sequence[Life]) -> GuestCost:
    """What guests of a kind cost, given the lives of some; assumed when they are too few.

    Long lives count more: at any moment it is rather one of those that is met.
    """
    assumed = assumed_cost(kind)
    if len(lives) < _ENOUGH:
        return assumed
    mean = sum(life.wanted for life in lives) / sum(life.seconds for life in lives)
    memory = max(life.memory for life in lives)
    return GuestCost(mean, min(memory, assumed.memory), len(lives))


class CostRecords:
    """Remembers the lives of recent guests, in one file for each kind.

    Recording is a help and no condition: where nothing can be written or what is there makes no
    sense, guests cost what is assumed of them. Workers may add at the same time.

    :param directory: where the files are; made when needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def cost(self, kind: GuestKind) -> GuestCost:
        """What a guest of this kind costs."""
        return learnt_cost(kind, self._read(kind))

    def add(self, kind: GuestKind, life: Life) -> None:
        """Remember one more guest."""
        if not _credible(life):
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with locked(self._file(kind).with_suffix(".lock")):
                self._append(kind, life)
        except OSError:
            return

    def _append(self, kind: GuestKind, life: Life) -> None:
        path = self._file(kind)
        with path.open("a") as file:
            if file.tell() == 0:
                file.write(json.dumps(asdict(kind)) + "\n")
            file.write(_line(life))
            full = file.tell() > _FULL
        if full:
            lines = [json.dumps(asdict(kind)) + "\n", *map(_line, self._read(kind))]
            write_atomically(path, "".join(lines))

    def _read(self, kind: GuestKind) -> list[Life]:
        """The most recent lives; lines that are damaged, or not a life, are passed over."""
        try:
            lines = self._file(kind).read_text(errors="replace").splitlines()
        except OSError:
            return []
        lives = (_life(line) for line in lines)
        return [life for life in lives if life is not None][-_KEPT:]

    def _file(self, kind: GuestKind) -> Path:
        # The words are for people; the digest is what tells kinds apart.
        words = re.sub(r"[^A-Za-z0-9-]+", "_", f"{kind.image}-{kind.start}")[:80]
        apart = sha256(json.dumps(asdict(kind)).encode()).hexdigest()[:12]
        return self._directory / f"{words}-{apart}.jsonl"


def _line(life: Life) -> str:
    return json.dumps([round(life.seconds, 3), round(life.wanted, 3), life.memory]) + "\n"


def _life(line: str) -> Life | None:
    try:
        seconds, wanted, memory = json.loads(line)
        life = Life(float(seconds), float(wanted), int(memory))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return life if _credible(life) else None


def _credible(life: Life) -> bool:
    numbers = (life.seconds, life.wanted)
    if not all(isfinite(number) for number in numbers):
        return False
    return life.seconds >= _SHORTEST and life.wanted >= 0 and life.memory > 0
