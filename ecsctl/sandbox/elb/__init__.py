"""Elastic Load Balancing: listeners that forward connections, and health checks of their targets."""
