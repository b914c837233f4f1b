"""The only package that does I/O, reads the clock or draws random numbers.

Drivers join the I/O-free cores to sockets (`sip`), the media process (`media_client`), files
(`trace_writer`), operators (`control`) and each other (`supervisor`). docs/concepts/rooms.md says
what is in which room.
"""
