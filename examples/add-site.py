"""A signaling manipulation script: calls to the server bear the site that they come from."""


def manipulate(message, direction):
    """Called for every message; what is changed in `message` is sent."""
    if direction == "to_server" and message.is_request and message.method == "INVITE":
        message.set("X-Site", "vienna")
