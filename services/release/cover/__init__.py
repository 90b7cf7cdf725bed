"""Covers: generative art that belongs to the artist, and type that is legible at 300 px."""

from services.release.cover.draw import Cover, describe_cover, draw_cover, draw_thumbnail

__all__ = ["Cover", "describe_cover", "draw_cover", "draw_thumbnail"]
