"""The element manager: a REST API over the control sockets, and pages over that API's values.

The pages have no way in of their own: what they show is what the API gives.
"""

from farline.ems.app import run_ems

__all__ = ["run_ems"]
