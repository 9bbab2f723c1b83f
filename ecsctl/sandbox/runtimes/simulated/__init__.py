"""Simulated containers, where no Docker engine answers."""
