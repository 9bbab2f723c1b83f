"""Compose files (https://compose-spec.io): one task definition and one service for each service, or grouped by task."""
