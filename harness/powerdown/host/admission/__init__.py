"""How many guests live at once: what the host has left, what guests cost, whose turn it is."""
