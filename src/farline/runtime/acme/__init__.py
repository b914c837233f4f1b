"""Certificates by ACME (RFC 8555): ordered, proved, renewed, and left alone when refused."""
