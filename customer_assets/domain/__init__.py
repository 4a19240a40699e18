"""The customer's rules. Pure: no I/O, no clock, no randomness; everything comes in as arguments."""
