"""How fast, how exact and how hungry is every way? Who runs, how it is judged, how it is told."""
