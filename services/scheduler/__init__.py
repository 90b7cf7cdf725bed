"""Owns runs: when one starts, which stage is next, and what was decided."""
