"""Warm templates: a guest that was booted once and saved when it was ready, to be cloned."""
