"""The `farline` command."""
