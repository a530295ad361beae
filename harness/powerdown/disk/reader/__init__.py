"""Reading a disk in a sandboxed process."""
