"""The rules, each a question to an observation."""
