"""Options of the commands that read the disk of a guest that is off."""

from __future__ import annotations

import argparse

from powerdown.images.image import DiskFormat


def add_disk_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--format`` and ``--volume``."""
    parser.add_argument(
        "--format",
        type=DiskFormat,
        choices=list(DiskFormat),
        help="format of the disk (default: detected from its first bytes)",
    )
    parser.add_argument(
        "--volume",
        type=int,
        metavar="NUMBER",
        help="the volume with Windows on it, if there are several",
    )
