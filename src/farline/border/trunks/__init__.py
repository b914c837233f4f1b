"""The border's own accounts at servers, and calls from server to server."""
