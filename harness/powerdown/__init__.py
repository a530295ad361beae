"""Powerdown: a conformance harness for the soft shutdown of Windows guests."""
