"""Countries out of a database in MaxMind's format."""

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from farline.runtime.countries import Countries, CountryError


def database(path, **countries):
    writer = MMDBWriter(6, "GeoIP2-Country", ipv4_compatible=True)
    for code, net in countries.items():
        writer.insert_network(IPSet([net]), {"country": {"iso_code": code}})
    writer.to_db_file(str(path))
    return path


def test_addresses_have_the_country_of_their_network(tmp_path):
    find = Countries(database(tmp_path / "a.mmdb", XA="203.0.113.0/24", XB="2001:db8::/32"))
    assert [find(host) for host in ("203.0.113.9", "2001:db8::1", "192.168.1.1", "a.name")] == [
        "XA",
        "XB",
        None,
        None,
    ]
    assert find("203.0.113.9") == "XA"


def test_another_file_is_taken_over_and_a_bad_one_is_not(tmp_path):
    find = Countries(database(tmp_path / "a.mmdb", XA="203.0.113.0/24"))
    assert find("203.0.113.9") == "XA"
    (tmp_path / "bad.mmdb").write_bytes(b"nonsense")
    with pytest.raises(CountryError, match=r"bad\.mmdb"):
        find.change(tmp_path / "bad.mmdb")
    assert find("203.0.113.9") == "XA"
    find.change(database(tmp_path / "b.mmdb", XC="203.0.113.0/24"))
    assert find("203.0.113.9") == "XC"
    find.change(None)
    assert find("203.0.113.9") is None


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CountryError, match=r"none\.mmdb"):
        Countries(tmp_path / "none.mmdb")
