"""Cross checks of office and portal: users, profiles, and that the two speak of the same office."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from farline.config.base import Problem
from farline.config.check_common import duplicates, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Deployment
    from farline.config.office import Office
    from farline.config.portal import Portal


def check_office(office: Office, server_tls: set[str]) -> Iterator[Problem]:
    """Every problem of the office's forms."""
    yield from _users(office)
    registrar = office.registrar
    if registrar.tls_port is not None and registrar.tls_profile not in server_tls:
        yield missing(
            "office.registrar.tls_profile",
            registrar,
            "TLS profile",
            str(registrar.tls_profile),
            server_tls,
        )
    if office.directory is not None and office.directory.tls_profile not in server_tls:
        yield missing(
            "office.directory.tls_profile",
            office.directory,
            "TLS profile",
            office.directory.tls_profile,
            server_tls,
        )


def _users(office: Office) -> Iterator[Problem]:
    """Names and extensions that clash, and users whose forms contradict themselves."""
    yield from duplicates("office.users", office.users)
    lowered = Counter(user.name.lower() for user in office.users)
    extensions = Counter(user.extension for user in office.users)
    for index, user in enumerate(office.users):
        place = f"office.users[{index}]."
        if extensions[user.extension] > 1:
            yield Problem(
                place + "extension", f"{user.extension} is used twice", "choose another", user.form
            )
        if (
            lowered[user.name.lower()] > 1
            and lowered[user.name.lower()]
            != Counter(entry.name for entry in office.users)[user.name]
        ):
            yield Problem(
                place + "name",
                f"{user.name!r} differs from another name only in case",
                "IM addresses are lower case; rename one",
                user.form,
            )
        if user.mobile_voip and (user.profile != "power_user" or not user.one_x_portal):
            yield Problem(
                place + "mobile_voip",
                "Mobile VoIP Client needs the power user profile and one-X Portal Services",
                "set profile: power_user and one_x_portal: true",
                user.form,
            )


def check_portal(portal: Portal, server_tls: set[str], client_tls: set[str]) -> Iterator[Problem]:
    """Every problem of the portal's forms."""
    for place, owner, name in (
        ("portal.tls_profile", portal, portal.tls_profile),
        ("portal.im_presence.tls_profile", portal.im_presence, portal.im_presence.tls_profile),
    ):
        if name not in server_tls:
            yield missing(place, owner, "TLS profile", name, server_tls)
    provider = portal.dsml_provider
    if provider.tls_client_profile not in client_tls:
        yield missing(
            "portal.dsml_provider.tls_client_profile",
            provider,
            "TLS client profile",
            provider.tls_client_profile,
            client_tls,
        )


def check_provider(deployment: Deployment) -> Iterator[Problem]:
    """The portal asks for the users of an office by its System Name; below another it has none."""
    office, portal = deployment.office, deployment.portal
    if office is None or portal is None:
        return
    provider = portal.dsml_provider
    if provider.system_name == office.name:
        return
    here = provider.address == office.ip
    yield Problem(
        "portal.dsml_provider.system_name",
        f"{provider.system_name!r}, but the office of this file is {office.name!r}: "
        + ("the portal would find no users" if here else "is the provider another office?"),
        f"write {office.name!r}",
        provider.form,
        severity="error" if here else "warning",
    )
