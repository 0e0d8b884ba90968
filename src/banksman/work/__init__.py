"""Work that is due: claims with leases, wake-ups, the loop that workers run. Knows kinds of work only as functions."""
