"""The mobile client: bootstrap, instant messaging, SIP and a call, as a library and a probe.

`login` has the steps in the guide's order, `phone` the SIP phone without I/O, `audio` what a call
plays and records, `judge` whether the speech arrived. `farline.runtime.phones.mobile` joins them to
sockets.
"""
