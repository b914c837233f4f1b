"""Phones with sockets: the mobile client, the desk phone, and their audio."""
