"""The service has tests of its own, which run in a repository of its own."""

collect_ignore = ["service"]
