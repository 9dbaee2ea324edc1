"""Benchmarks that anyone can repeat with one command."""
