"""Used by every layer: errors, deadlines, outcomes, shared files, and sanitizing of text."""
