"""The service's calls, a module for each room: messages to domain and store, and back."""
