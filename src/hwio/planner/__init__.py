"""Which way, and why."""
