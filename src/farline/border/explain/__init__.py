"""`farline explain` and `farline replay`: what the border does with a message, and why."""
