"""Music: providers that turn a brief into sound, and the one that is built in."""
