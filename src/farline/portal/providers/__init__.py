"""Providers: where the portal's knowledge of the office comes from.

`dsml` is the message form (pure), `snapshot` the last good copy on disk, `directory` the client
that keeps both up to date.
"""
