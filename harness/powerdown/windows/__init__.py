"""What Windows is, without I/O: command lines and their output, registry paths, event records."""
