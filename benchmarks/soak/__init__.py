"""An hour in a bad neighbourhood: clients at work while the members of an ensemble are killed, paused and restarted."""
