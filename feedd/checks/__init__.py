"""Checks: what can be wrong with a site and its surroundings, a module for each; `feedd.check` asks them all."""
