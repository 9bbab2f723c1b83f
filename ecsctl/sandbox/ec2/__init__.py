"""EC2 and Auto Scaling: instances that boot and register, their addresses, images and groups."""
