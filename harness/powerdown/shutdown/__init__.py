"""Pressing the button, pulling the plug, and observing what follows."""
