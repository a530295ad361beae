"""The stand-in image, and how long its guests are waited for."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

from powerdown.guest.guest_time import GuestTime
from tests.support.paths import REPOSITORY

DEFINITION = REPOSITORY / "fixtures/images/standin.toml"


SECONDS = 60.0
"""For what takes the guest a second or two when the host is idle."""


@contextmanager
def cloned(starts, image):
    guest = starts.clone(image, GuestTime())
    assert guest is not None, "it starts cold"
    try:
        yield guest
    finally:
        guest.close()
        shutil.rmtree(guest.machine.overlay.parent)
