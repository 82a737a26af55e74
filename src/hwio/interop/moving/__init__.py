"""Whole layers from one framework to another: the arrays in its order, the call in its words.

``reading`` turns what a framework stores into a ``Layer``, which no framework is named in; one file a
framework says a Layer as steps of its own. No framework is imported.
"""
