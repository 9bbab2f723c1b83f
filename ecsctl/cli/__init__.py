"""The command line: one file a command group, each command parse → call → render.

Nothing heavy is imported here at start-up: a command's module is imported when the command is run, and what the
command needs of AWS, YAML or rich when it needs it.
"""
