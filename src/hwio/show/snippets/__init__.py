"""Code for notes: one file writes the code of one target, from a case that was checked."""
