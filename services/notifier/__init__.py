"""Talks to people: what is to be said is stored first and said after, through one channel."""
