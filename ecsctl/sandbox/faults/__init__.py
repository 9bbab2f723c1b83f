"""Faults on demand: what can be made to go wrong in a sandbox, and the places where it does.

``kinds`` says which kinds there are and what each takes; ``book`` holds those that are planted and counts how often
each struck. ``calls`` and ``stale`` strike requests, ``containers`` strikes what runs, ``hosts`` the instances.
"""
