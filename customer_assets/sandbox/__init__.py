"""The three systems emulated over HTTP, a process of its own. Nothing else imports it."""
