"""One simulated AWS account: the state of all its services, the loop that moves it, and the file that keeps it."""
