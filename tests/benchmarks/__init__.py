"""Benchmarks of the whole station on this machine: `./dev bench`. They measure and never judge."""
