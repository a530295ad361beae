"""Where tests find the checkout and the real samples beside it."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""Root of the checkout."""
