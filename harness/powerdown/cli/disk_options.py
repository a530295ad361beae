"""Options of the commands that read a disk at rest."""

from __future__ import annotations

import argparse

from powerdown.images.image import DiskFormat


def add_disk_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--format`` and ``--volume``."""
    parser.add_argument(
        "--format",
        type=DiskFormat,
        choices=list(DiskFormat),
        help="of the disk (default: what its first bytes say)",
    )
    parser.add_argument(
        "--volume",
        type=int,
        metavar="NUMBER",
        help="which volume has the Windows, where there are several",
    )
