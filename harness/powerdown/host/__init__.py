"""Where guests run: this host, what it has room for, and guests saved for warm starts."""
