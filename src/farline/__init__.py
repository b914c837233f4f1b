"""Farline: the office extension from anywhere.

Border, office, portal, mobile client, element manager and lab; `docs/concepts` has the picture.
"""

__version__ = "0.1.0"
