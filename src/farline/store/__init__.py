"""Where state lives that must outlive a process: one module a noun, one interface, many backends."""
