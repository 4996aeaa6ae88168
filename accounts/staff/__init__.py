"""What staff may do, what they see of people and do for them, and the log of both."""
