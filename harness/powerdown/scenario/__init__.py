"""Drives one scenario and records what came of it."""
