"""What to boot: TOML definitions as typed images, overlays, digests."""
