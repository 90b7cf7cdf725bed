"""Everything that touches media bytes: takes, covers, packages, publications."""
