"""Init: a new site in one step, made of nothing, or fitted to the articles that are there."""
