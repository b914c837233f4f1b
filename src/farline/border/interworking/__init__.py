"""Peculiarities of servers and phones: hold, digits, extensions, scripts."""
