"""Publish: documents go to where subscribers read them."""
