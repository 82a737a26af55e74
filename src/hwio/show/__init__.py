"""What makes the floors below visible: words, tables, pictures and code for notes."""
