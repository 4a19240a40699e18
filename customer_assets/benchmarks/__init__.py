"""What `make bench` measures, beside peers in the same run. Nothing else imports it."""
