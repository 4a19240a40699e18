"""The console: what office people see. Plain pages on Starlette and Jinja2; every write is a form with a token."""
