"""Types of the fixtures that run probe programs under Wine."""

from __future__ import annotations

from collections.abc import Callable

from tests.guest.wine.application import Application
from tests.guest.wine.control_manager import ControlManager
from tests.guest.wine.service import Service

OpenApplication = Callable[..., Application]


InstallService = Callable[..., Service]


OpenManager = Callable[..., ControlManager]
