"""Benchmarks of UFMI; `scripts/bench` runs them."""
