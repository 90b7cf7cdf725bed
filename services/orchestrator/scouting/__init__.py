"""Invents artists."""
