"""A company's customers, spread over Robaws, Zoho Books and SUMIT, as one trustworthy PostgreSQL copy."""
