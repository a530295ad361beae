"""Soft and forced shutdown: press the button or cut the power, and observe what follows."""
