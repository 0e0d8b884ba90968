"""Measurements of the service on this machine, as ratios within one run."""
