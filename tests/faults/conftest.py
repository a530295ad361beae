"""The stand-in's commands on this host, without a machine around them."""

from tests.guest.conftest import (  # noqa: F401
    address,
    channel,
    installed,
    machine,
    open_channel,
    windows,
)
