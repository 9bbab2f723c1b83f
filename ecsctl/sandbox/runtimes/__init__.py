"""What runs the containers: a Docker engine, or nothing but an answer on the published ports."""
