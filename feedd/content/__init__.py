"""Content: files of a directory become articles, and the taxonomy says what their topics and providers are."""
