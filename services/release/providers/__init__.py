"""Where songs come from: the worker's own synthesis, and remote services that are asked over HTTP."""
