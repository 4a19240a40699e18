"""The command line: each command parses, calls one verb, and reports. No rule about customers is decided here."""
