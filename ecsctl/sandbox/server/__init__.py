"""The sandbox's process: it listens, routes requests to ECS, to moto or to its own API, and is told to stop."""
