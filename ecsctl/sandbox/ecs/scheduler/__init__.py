"""What moves by itself: placement, launches, deployments, scaling, health."""
