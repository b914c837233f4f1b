"""TLS of every role: contexts from profiles, whose certificate it is, certificates that change."""
