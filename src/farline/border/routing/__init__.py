"""Where a request goes next: routing profiles, next hops and their health, failover."""
