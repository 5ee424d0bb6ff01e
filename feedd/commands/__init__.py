"""The commands, a module each, with one click command called `command`; `cli` finds them by name."""
