"""The motifs that covers can be drawn with, by name: experiments choose from them, releases are drawn so."""

COVER_STYLES = ("horizon", "contours", "facets", "rings", "silk", "halftone", "tiles", "orbs")
