"""The models that may be asked: what the file and the environment say of them, and what they cost."""
