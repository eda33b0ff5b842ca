"""Programs that build, measure and check; nothing here is imported by the servers."""
