"""Names: the resolver of the cores with its cache, and the lab's own name server."""
