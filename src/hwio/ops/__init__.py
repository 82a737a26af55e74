"""What users call, and the only place where arguments are checked."""
