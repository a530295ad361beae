"""Diagnose again what was seen in an earlier run, with the rules as they are now.

``python -m tests.random_guests.again DIRECTORY`` reads what ``--random-keep DIRECTORY`` kept and
prints a line for each guest, in full for those that are not as they should be. No guest is booted.
Only for files that this machine wrote: they are Python pickles.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from powerdown.shutdown.observation import Observation

from .compare import compare, told
from .configuration import Configuration


def keep(directory: Path, guest: Configuration, obs: Observation) -> None:
    """Keep what was seen of a guest."""
    content = pickle.dumps((guest, obs))
    (directory / f"{guest.seed}-{guest.number:05}.pickle").write_bytes(content)


def _main(directory: Path) -> None:
    for file in sorted(directory.glob("*.pickle")):
        guest, obs = pickle.loads(file.read_bytes())
        record = compare(guest, obs)
        if not record["accepted"]:
            print(told(record))
        full, outside = (record[view] for view in ("full", "outside"))
        print(
            f"{guest.number:5} {full['judgement']:12} {full['verdict']['outcome']} "
            f"({full['verdict']['cause']}); from outside {outside['judgement']}: "
            f"{', '.join(guest.deviations) or 'plain'}"
        )


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
