"""Makes an ``ecsctl.yaml`` of what people have: Compose files, Copilot manifests, live services, or a few answers.

Every importer reads its input through ``report.Section``, which keeps account of each key: what has no equivalent in
ECS becomes a note with its file and line, so that nothing is dropped in silence. ``document`` puts the parts together
and ``write`` renders them as commented YAML.
"""
