"""Shows what a run is doing while it runs, past pytest's capturing and xdist's silence."""

from __future__ import annotations

import logging
import sys
from contextlib import nullcontext

import pytest

_shown_key = pytest.StashKey["_ProgressHandler"]()


def show_progress(config: pytest.Config) -> None:
    """Show what modules of Powerdown log from INFO on, live on standard error, until pytest ends.

    Where pytest itself logs live to the terminal (``log_cli``), that is left to it.
    """
    if _shown_key in config.stash or _logs_live(config):
        return
    logger, handler = logging.getLogger("powerdown"), _ProgressHandler(config)
    config.stash[_shown_key] = handler
    before = logger.level
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    logger.addHandler(handler)

    def end() -> None:
        logger.removeHandler(handler)
        logger.setLevel(before)

    config.add_cleanup(end)


class _ProgressHandler(logging.Handler):
    """Prints records as lines on standard error."""

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("powerdown: %(message)s"))
        self._config = config

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record at once."""
        capture = self._config.pluginmanager.getplugin("capturemanager")
        shown = nullcontext() if capture is None else capture.global_and_fixture_disabled()
        with shown:
            print(self.format(record), file=sys.stderr, flush=True)


def _logs_live(config: pytest.Config) -> bool:
    wanted = config.getini("log_cli") or config.getoption("--log-cli-level") is not None
    # The workers of xdist have no terminal: there pytest's live log goes nowhere.
    return bool(wanted) and config.pluginmanager.hasplugin("terminalreporter")
