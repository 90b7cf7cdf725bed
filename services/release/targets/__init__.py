"""Publication targets: one interface, and what stands behind it."""
