"""Who observes: ready-made handlers."""
