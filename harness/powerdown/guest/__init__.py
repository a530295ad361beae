"""The inside of a guest: control channel, Windows commands, probe programs."""
