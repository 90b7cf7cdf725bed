"""SQL, a module for each room; every function takes the connection that it runs on."""
