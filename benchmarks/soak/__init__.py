"""A soak test: an hour of work by clients while the members of an ensemble are killed, paused and restarted."""
