"""The guide's picture on one machine: network namespaces or loopback addresses, a scenario.

`topology` and `loopback` are values; `namespaces` builds; `prepare` fills a run directory; `lab`
starts the servers; `scenario` logs Ruel in, calls Dora and judges what happened; `view` shows it.
"""
