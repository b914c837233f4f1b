"""The ng protocol of rtpengine, both ends of it, without sockets.

`client` says a `MediaRequest` in ng and reads the reply; `service` serves ng requests with an
engine of ours. Source: rtpengine's docs/ng_control_protocol.md.
"""
