"""Application relays (the guide: DMZ Services > Relay Services): HTTP, XMPP, RTCP monitoring."""
