"""`python -m customer_assets`: the same as the `customer-assets` command."""

from customer_assets.cli.app import program

program()
