"""Language models by role: ranked fallback, every call recorded, songs written."""
