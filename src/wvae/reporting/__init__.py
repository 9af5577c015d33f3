"""Figures, the summary in words, and the HTML report."""
