"""The ground: layouts, padding, sizes and window views; no array arithmetic."""
