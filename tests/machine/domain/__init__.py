"""Guests as domains of real libvirts: one within the process, and real daemons."""
