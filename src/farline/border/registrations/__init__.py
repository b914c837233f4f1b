"""The bindings of phones: REGISTER, leases, outbound flows, pacing, push."""
