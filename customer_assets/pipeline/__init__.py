"""The business verbs, one module each. Plain values in and out; never prints, never knows Dagster."""
