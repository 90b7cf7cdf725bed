"""Covers: generative art that belongs to the artist, and type that is legible at 300 px."""

from services.release.cover.draw import Cover, draw_cover

__all__ = ["Cover", "draw_cover"]
