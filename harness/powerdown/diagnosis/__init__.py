"""From observation to verdict. Knows nothing of what was injected."""
