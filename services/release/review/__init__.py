"""The review: what a machine can tell about a take from its real audio, before a person is asked."""

from services.release.review.reviewer import Reviewed, review

__all__ = ["Reviewed", "review"]
