"""The label's rules: pure functions of messages and values."""
