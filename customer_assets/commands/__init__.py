"""Groups of commands, and how all commands speak."""
