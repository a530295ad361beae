"""The ``powerdown`` command: one module for each of its commands."""
