"""Repairs without risk to the code that runs: rules, proof in a sandbox, then a branch; apply and revert."""
