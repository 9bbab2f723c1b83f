"""The state of ECS in one region."""
