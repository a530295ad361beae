"""The power history in a System log."""
