"""The catalogue of failures to inject. Knows nothing of diagnosis."""
