"""CloudWatch Logs of the sandbox: events on disk instead of in memory, and what containers write."""
