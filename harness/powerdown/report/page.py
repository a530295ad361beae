"""The page that pictures are drawn on: its measures in pixels and its inks."""

from __future__ import annotations

from powerdown.report.canvas import Colour

WIDTH = 1400
MARGIN = 44
RIGHT = WIDTH - MARGIN
PLOT_LEFT = 252
"""Where what is told begins; to the left of it stands what it is told of."""

PAPER: Colour = (255, 255, 255)
RULE: Colour = (221, 226, 232)
INK: Colour = (28, 35, 45)
SOFT_INK: Colour = (94, 105, 119)
FAINT_INK: Colour = (158, 167, 178)
