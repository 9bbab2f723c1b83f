"""What a sandbox's process and whoever starts it agree on: exit codes, files in its folder, a header. Light."""

from __future__ import annotations

# Exit codes of the process.
NO_ENGINE = 3
UNWRITABLE = 74
PORT_TAKEN = 98

# Marks the folder of a sandbox that has run containers of a Docker engine.
CONTAINERS = "containers"

# The header that every change asked of the sandbox's own API must carry; no web page of another origin can send it.
CLIENT_HEADER = "X-Ecsctl-Sandbox"
