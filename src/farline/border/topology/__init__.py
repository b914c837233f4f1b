"""Topology hiding: what each side reads, and the audit of what leaves."""
