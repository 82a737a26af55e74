"""How is it written without hwio? One file writes the code of one target, from a checked case.

What a writer returns are statements that read NumPy arrays x, w (and b) and leave the array y.
"""
