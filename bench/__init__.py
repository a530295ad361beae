"""Benchmarks of Powerdown: what starting, judging and keeping guests costs on this machine."""
