"""Reasons: why an article is in a feed or not, as values."""
