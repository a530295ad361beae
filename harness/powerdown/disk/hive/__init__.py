"""Registry hives at rest: read, and changed in place."""
