"""The portal: bootstrap REST, instant messaging with mybuddy, providers, component status.

Everything here is asyncio, but sockets are bound, clocks read and randomness drawn by
`runtime.portal`, which puts the parts together.
"""
