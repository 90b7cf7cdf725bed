"""The back office of a small record label."""
