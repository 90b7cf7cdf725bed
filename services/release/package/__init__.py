"""The release package: its layout, its documents, how it is built and how it is verified."""
