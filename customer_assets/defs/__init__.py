"""Dagster's words and nothing else: assets, checks, jobs, schedules, sensors, partitions, resources.

Every definition in this folder is found by `dg.load_from_defs_folder`; `dg scaffold defs dagster.asset x.py` adds one.
Each is thin: it asks the runtime for what it works with, calls one verb of `pipeline`, and reports counts. What a step
does belongs to `pipeline`; what starts processes or reads the environment to `runtime`.
"""
