"""The only SQL: schema, migrations, set-based loads, one module per table family."""
