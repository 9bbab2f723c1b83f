"""An AWS on this machine: moto's services, an ECS of its own, agents, balancers, and containers.

It is an endpoint like any other; nothing outside this package knows of it but ``cli/settings.py``, which chooses the
endpoint, and ``cli/sandbox.py``, which starts and stops it.
"""
