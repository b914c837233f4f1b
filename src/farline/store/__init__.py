"""Where state lives that outlives a process: one module a noun, one interface, many backends."""
