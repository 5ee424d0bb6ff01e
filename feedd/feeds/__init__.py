"""Feeds: articles become ordered selections, entries, and documents as bytes. Pure: no clock, disk or network."""
