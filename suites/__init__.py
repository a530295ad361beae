"""The catalogue of scenarios; installed as ``powerdown_suites``."""
