"""The HTTP server: the output directory and the state of the daemon, for whoever asks over HTTP."""
