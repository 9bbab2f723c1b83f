"""Real containers, in the Docker engine of this machine."""
