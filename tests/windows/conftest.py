"""Fixtures of the modelled machine, shared with the tests of the guest."""

from tests.guest.conftest import (  # noqa: F401
    address,
    channel,
    installed,
    machine,
    open_channel,
    windows,
)
