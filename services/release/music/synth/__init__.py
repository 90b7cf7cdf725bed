"""Sound from numbers: every voice is synthesised, so that a release contains nobody else's recordings.

Signals are float32 arrays of shape (2, n) at 44,100 Hz inside this package: left, right.
"""
