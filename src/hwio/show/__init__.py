"""What makes the floors below visible: words, tables, pictures and code for notes.

A folder answers one question; the files beside the folders are what all of them stand on.
"""
