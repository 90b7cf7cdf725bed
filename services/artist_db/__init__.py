"""The label's memory: artists, briefs, takes, releases, model calls, errors."""
