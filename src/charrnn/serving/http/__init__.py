"""What any HTTP service of this server needs: connections with limits, bodies read in time, errors in one shape."""
