"""Measurements, each beside its plain counterpart in the same run. `make bench`."""
