"""Copies of calls for a recording server (RFC 7866)."""
