"""Thousands of damaged disks, hives and logs: ``python -m bench.fuzz_disk``.

Each input is a small real one with a few mutations at its most sensitive places: boot sector, MFT,
index records, ``$Volume``; hives with and without transaction logs; event logs. It is read as the
commands read it, in a child process that may crash. Each input must give values or one clear
error; a crash that the child contained is such an error, and is counted separately. A traceback, or
an answer after the deadline, is a failure.

Exit status: 0 none failed; 1 some did, and their seeds are printed; 2 it could not be run.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import DeadlineExpired, DiskError, PowerdownError
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.reader.sandboxed_reader import DiskReader, ReaderCrashed, ReaderInternalError
from powerdown.images.image import DiskFormat
from powerdown.windows.settings.key_request import KeyRequest

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT.parent / "shared" / "samples"
_SECONDS = 10.0
"""An input takes tens of milliseconds."""
_INPUTS_PER_READER = 500
_EVERYTHING = DiskRequest(
    keys=(
        KeyRequest(r"HKLM\SYSTEM", 6),
        KeyRequest(r"HKLM\SYSTEM\CurrentControlSet\Control", 1),
        KeyRequest(r"HKLM\SOFTWARE", 6),
        KeyRequest(r"HKU\*\Control Panel", 6),
    ),
    system_log=True,
    files=(r"Windows\WinSxS\pending.xml", r"Users\tester\NTUSER.DAT"),
)
_PART = DiskRequest(
    keys=(
        KeyRequest(r"HKLM\SYSTEM", 1),
        KeyRequest(r"HKLM\SYSTEM\CurrentControlSet\Control\Power", 6),
        KeyRequest(r"HKLM\SYSTEM\CurrentControlSet\Services", 1, ("Start", "ImagePath")),
    )
)
"""Of a real hive, which has tens of thousands of keys."""
_FAILED = ("hung", "traceback")
OUTCOMES = ("read", "clear error", "crash contained", *_FAILED)

_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True)
class Target:
    """What inputs are made of.

    :param name: for the table.
    :param content: the sound one.
    :param regions: first and last byte of where mutations hurt, weighted by being there twice.
    :param read: reads one from a file.
    :param beside: further files, by what is put behind the name; they are mutated too.
    """

    name: str
    content: bytes
    regions: tuple[tuple[int, int], ...]
    read: Callable[[DiskReader, Path, Deadline], object]
    beside: dict[str, bytes] = field(default_factory=dict)
    share: int = 1


def mutated(content: bytes, regions: Sequence[tuple[int, int]], chance: random.Random) -> bytes:
    """``content`` with a few mutations."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 8, 32))):
        begin, end = chance.choice(regions) if chance.random() < 0.9 else (0, len(data))
        end = min(end, len(data))
        if end - begin < 8:
            continue
        at = chance.randrange(begin, end - 4)
        kind = chance.randrange(5)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at] = chance.randrange(256)
        elif kind == 2:
            width = chance.choice((1, 2, 4))
            value = chance.choice(_EXTREMES) & ((1 << 8 * width) - 1)
            data[at : at + width] = value.to_bytes(width, "little")
        elif kind == 3:
            length = chance.choice((1, 4, 16, 64, 512, 1024))
            source = chance.randrange(begin, end)
            piece = data[source : source + length]
            data[at : at + len(piece)] = piece
            del data[len(content) :]
        else:
            number = struct.unpack_from("<I", data, at)[0] + chance.choice((-8, -1, 1, 8, 512))
            struct.pack_into("<I", data, at, number & 0xFFFFFFFF)
    if chance.random() < 0.03:
        del data[chance.randrange(len(data)) :]
    return bytes(data)


def targets(directory: Path) -> Iterator[Target]:
    """What is fuzzed: needs ntfs-3g's tools and hivex."""
    sys.path[:0] = [str(ROOT), str(ROOT / "fixtures/images/standin/guest")]
    from tests.support import ntfs_volumes as volumes

    volume = volumes.windows(directory / "volume")
    samples = sorted(SAMPLES.glob("*.evtx"), key=lambda path: path.stat().st_size)
    log = samples[0].read_bytes()[: 4096 + 3 * 65536] if samples else b""
    if log:
        volumes.put(volume, volumes.SYSTEM_LOG, log)
    content = volume.read_bytes()
    yield Target("NTFS volume", content, _ntfs_regions(content), _read_volume, share=4)

    made = directory / "SYSTEM"
    old = volumes.hive(made, volumes.SYSTEM_KEYS)
    whole = (0, 1 << 30)
    head = (0, 8192)
    yield Target("hive", old, (whole, whole, head), _read_hive, share=2)
    volumes.change(made, {r"ControlSet002\Services\New\Parameters": {"Much": (3, bytes(5000))}})
    new = made.read_bytes()
    bins = len(new) - 4096
    entry = volumes.log_entry(7, bins, volumes.changed_pages(old, new, 4096))
    dirty = volumes.being_written(old, 8, 7)
    logs = {".LOG1": volumes.new_log(old, 7, [entry]), ".LOG2": b""}
    yield Target("hive, new logs", dirty, (head,), _read_hive, logs)
    yield Target(
        "hive, old log", dirty, (head,), _read_hive, {".LOG1": volumes.old_log(old, new, 8)}
    )
    sample = SAMPLES / "SYSTEM.hive"
    if sample.is_file():
        content = sample.read_bytes()
        yield Target("real hive", content, ((0, 1 << 20), whole), _read_real_hive)
    if log:
        yield Target("event log", log, (whole, head), _read_log, share=2)


def _ntfs_regions(content: bytes) -> tuple[tuple[int, int], ...]:
    cluster = struct.unpack_from("<H", content, 11)[0] * content[13]
    mft = struct.unpack_from("<Q", content, 48)[0] * cluster
    records = [
        (at, at + 1024)
        for at in range(mft, mft + 128 * 1024, 1024)
        if content[at : at + 4] == b"FILE"
    ]
    indexes = [
        (at, at + 4096) for at in range(0, len(content), 4096) if content[at : at + 4] == b"INDX"
    ]
    volume = (mft + 3 * 1024, mft + 4 * 1024)
    return ((0, 84), volume, (mft, mft + 1024), *records, *indexes * 3)


def _read_volume(reader: DiskReader, path: Path, deadline: Deadline) -> object:
    return reader.read_disk(path, DiskFormat.RAW, _EVERYTHING, deadline)


def _read_hive(reader: DiskReader, path: Path, deadline: Deadline) -> object:
    return reader.read_hive(path, _EVERYTHING, deadline)


def _read_real_hive(reader: DiskReader, path: Path, deadline: Deadline) -> object:
    return reader.read_hive(path, _PART, deadline)


def _read_log(reader: DiskReader, path: Path, deadline: Deadline) -> object:
    return reader.read_log(path, deadline)


def one(target: Target, seed: int, reader: DiskReader, directory: Path) -> tuple[str, str]:
    """Read one input; what came of it, and what was said."""
    chance = random.Random(f"{target.name} {seed}")
    path = directory / "SYSTEM"
    beside = dict(target.beside)
    only_beside = bool(beside) and chance.random() < 0.6
    content = target.content if only_beside else mutated(target.content, target.regions, chance)
    path.write_bytes(content)
    for suffix, sound in beside.items():
        path.with_name(path.name + suffix).write_bytes(
            mutated(sound, ((0, 2048), (0, len(sound))), chance) if sound else sound
        )
    try:
        target.read(reader, path, Deadline.after(_SECONDS))
    except DeadlineExpired as error:
        return "hung", str(error)
    except ReaderInternalError as error:
        return "traceback", "\n".join(error.__notes__)
    except ReaderCrashed as error:
        return "crash contained", error.actual
    except DiskError as error:
        return "clear error", error.actual
    except PowerdownError:
        # Not of the input: the host lacks something.
        raise
    except Exception as error:
        return "traceback", repr(error)
    finally:
        for suffix in beside:
            path.with_name(path.name + suffix).unlink()
    return "read", ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="powerdown-fuzz-", dir=_memory()) as directory:
            return _run(options, Path(directory))
    except PowerdownError as error:
        print(f"fuzz_disk: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, directory: Path) -> int:
    begin = now()
    found = list(targets(directory))
    shares = sum(target.share for target in found)
    failures: list[str] = []
    print(
        f"{'input':<18}{'number':>8}" + "".join(f"{name:>17}" for name in OUTCOMES) + "   seconds"
    )
    total: Counter[str] = Counter()
    for target in found:
        counts: Counter[str] = Counter()
        begun = now()
        left = max(0.0, options.seconds - (begun - begin))
        limit = left * target.share / sum(each.share for each in found[found.index(target) :])
        for start in range(0, options.inputs * target.share // shares + 1, _INPUTS_PER_READER):
            with DiskReader() as reader:
                for number in range(start, start + _INPUTS_PER_READER):
                    done = number > options.inputs * target.share // shares
                    if done or now() - begun > limit:
                        break
                    outcome, said = one(target, options.seed + number, reader, directory)
                    counts[outcome] += 1
                    if outcome in _FAILED or (options.crashes and outcome == "crash contained"):
                        failures.append(f"{target.name} {options.seed + number}: {outcome}\n{said}")
        _row(target.name, counts, now() - begun)
        total += counts
    _row("all", total, now() - begin)
    for failure in failures:
        print(failure)
    return 1 if any(total[name] for name in _FAILED) else 0


def _row(name: str, counts: Counter[str], seconds: float) -> None:
    cells = "".join(f"{counts[outcome]:>17}" for outcome in OUTCOMES)
    print(f"{name:<18}{sum(counts.values()):>8}{cells}{seconds:>10.0f}", flush=True)


def _memory() -> str | None:
    """Where files are quick to write; ``None``: wherever temporary files go."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.fuzz_disk",
        description="Read damaged disks, hives and event logs; none may do more than be an error.",
        epilog="exit status: 0 none failed, 1 some did, 2 it could not be done",
    )
    parser.add_argument("--inputs", type=int, default=10_000, help="how many (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=1800.0, help="stop after so long (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another gives others (%(default)s)")
    parser.add_argument("--crashes", action="store_true", help="tell contained crashes' seeds too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
