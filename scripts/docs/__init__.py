"""The pages, and the tables in pages, that follow from the code."""
