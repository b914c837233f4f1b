"""Signaling manipulation scripts, each in a sandboxed process of its own."""
