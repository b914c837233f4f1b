"""REFER carried out by the border (RFC 3515, 5589), and the calls that it joins."""
