"""Session Manager of the sandbox: sessions whose data channel ends in a container, in the protocol of AWS's plugin."""
