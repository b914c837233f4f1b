"""Application relays with sockets: what `farline.border.relays` decides is carried out here."""
