"""The power history that a System log tells."""
