"""ecsctl: one file to running containers on Amazon ECS, and an address that answers."""

__version__ = "0.1.0"
