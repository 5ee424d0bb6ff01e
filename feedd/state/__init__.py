"""State: one SQLite file that remembers what was parsed (index) and what was told to the world (ledger)."""
