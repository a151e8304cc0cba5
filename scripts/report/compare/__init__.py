"""`make compare`: any ended runs side by side, of one matrix or of several."""

PAGE_NAME = "compare.html"
"""Below the results folder."""
