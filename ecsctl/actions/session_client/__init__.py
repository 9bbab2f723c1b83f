"""Session Manager's data channel: a client of ecsctl's own, so that `exec` and `port-forward` need no plugin."""
