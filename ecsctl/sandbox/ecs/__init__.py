"""An Amazon ECS that runs in this process: the JSON API, the state, the scheduler and the control loops.

:class:`~ecsctl.sandbox.ecs.engine.Engine` is one region of it. It knows no socket, no container engine and no clock;
what it needs of them comes through the protocols of ``ecsctl.sandbox.interfaces``.
"""
