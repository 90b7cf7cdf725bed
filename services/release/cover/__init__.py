"""Covers: generative art that belongs to the artist, or an image model's picture, and type that is legible at
300 px."""

from services.release.cover.draw import PICTURE, Cover, describe_cover, draw_cover, draw_thumbnail
from services.release.cover.picture import UnusablePicture

__all__ = ["PICTURE", "Cover", "UnusablePicture", "describe_cover", "draw_cover", "draw_thumbnail"]
