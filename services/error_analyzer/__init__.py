"""Takes the errors that services ship, redacts them, groups them by fingerprint, stores the groups."""
