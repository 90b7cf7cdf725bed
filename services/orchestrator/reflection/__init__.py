"""Looks back on runs: what of a persona is to change."""
