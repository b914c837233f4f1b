"""Who is not even looked at: limits, scanners, bans, floods."""
