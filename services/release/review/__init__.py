"""The review: what a machine can tell about a take from its real audio, before a person is asked.

`reviewer` measures a file in a worker process. `likeness` and `checks` load nothing but numpy, so that the
service itself can compare fingerprints.
"""
