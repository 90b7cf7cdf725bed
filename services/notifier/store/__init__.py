"""Every statement of notifier, a module for each table or two."""
