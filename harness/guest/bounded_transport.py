"""HTTP to a guest that is not trusted: every answer bounded in size and time."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from harness.deadline import Deadline
from harness.errors import ControlChannelError

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""WinRM's own limit is 500 KB an envelope (MaxEnvelopeSizekb); this is far above it."""

_CHUNK_BYTES = 64 * 1024


class BoundedAdapter(HTTPAdapter):
    """Reads an answer only up to a size and a deadline.

    ``requests`` bounds neither: its timeout is for each piece received, so that a guest which
    sends a byte a second holds a caller for ever.
    """

    def __init__(self, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        super().__init__(max_retries=0)
        self._max_bytes = max_bytes
        self.deadline: Deadline | None = None

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send ``request`` and read its answer within the bounds.

        :raise ControlChannelError: the answer is too large.
        :raise requests.Timeout: it did not arrive by :attr:`deadline`.
        """
        options["stream"] = True
        if self.deadline is not None:
            options["timeout"] = max(0.001, self.deadline.remaining)
        response = super().send(request, **options)
        body = bytearray()
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > self._max_bytes:
                response.close()
                raise ControlChannelError(
                    "read an answer from the guest",
                    f"it is larger than {self._max_bytes} bytes",
                    "The guest misbehaves, or the command prints far too much.",
                )
            if self.deadline is not None and self.deadline.expired:
                response.close()
                raise requests.Timeout("the answer trickled in too slowly")
        response._content = bytes(body)
        return response
