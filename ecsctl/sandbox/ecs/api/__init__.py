"""The operations of the ECS API: what they take, refuse, change and answer."""
