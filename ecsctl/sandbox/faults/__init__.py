"""Faults on demand: what can be made to go wrong in a sandbox, and the places where it does.

``kinds`` says which kinds there are and what each takes; ``registry`` holds those that are injected and counts how
often each was triggered. ``requests`` and ``eventual_consistency`` change the answers of the API, ``containers``,
``instances`` and ``targets`` what runs.
"""
