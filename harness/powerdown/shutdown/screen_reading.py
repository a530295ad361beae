"""The text on the screen before a command and at the end, read while the guest is waited for."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from powerdown.core.deadline import now
from powerdown.machine.screen_sample import ScreenSample
from powerdown.machine.screen_text import Reading, read_screen

_SECONDS_BETWEEN = 3.0
"""From one reading to the next: each takes a third of a second of one of the host's CPUs."""

_NOTHING_ON_IT = Reading("")
"""A dark screen has room for a letter or two at most."""


class ScreenReading:
    """Readings of the screens of one attempt, each made once, by threads of their own.

    A guest that ends needs none, and most end soon; so it is up to the caller when to begin.
    """

    def __init__(self) -> None:
        self._readings: dict[str, Future[Reading]] = {}
        self._began_at = float("-inf")

    def begin(self, look: ScreenSample | None) -> None:
        """Begin to read a screen, if it was not read yet and none has been begun just now."""
        if look is not None and not look.dark and now() - self._began_at >= _SECONDS_BETWEEN:
            self._reading_of(look)

    def read(self, look: ScreenSample | None) -> Reading:
        """The text on a screen; waits for it if need be, in bounded time."""
        if look is not None and look.dark:
            return _NOTHING_ON_IT
        reading = None if look is None else self._reading_of(look)
        return Reading(None, None) if reading is None else reading.result()

    def read_so_far(self, look: ScreenSample | None) -> Reading:
        """The text on a screen if it has been read already; waits for nothing."""
        if look is not None and look.dark:
            return _NOTHING_ON_IT
        reading = None if look is None else self._readings.get(look.digest)
        if reading is None or not reading.done():
            return Reading(None, None)
        return reading.result()

    def _reading_of(self, look: ScreenSample) -> Future[Reading] | None:
        picture = look.picture
        if look.digest not in self._readings and picture is not None:
            self._began_at = now()
            reading: Future[Reading] = Future()
            self._readings[look.digest] = reading

            def read() -> None:
                try:
                    reading.set_result(read_screen(picture))
                except Exception as error:
                    # A guest chooses what is on its screen: a failed reading is no text.
                    reading.set_result(Reading(None, str(error) or type(error).__name__))

            threading.Thread(target=read, name="screen-text", daemon=True).start()
        return self._readings.get(look.digest)
