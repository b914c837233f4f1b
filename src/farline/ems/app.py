"""The element manager's web application: routes, and who may come in.

There is no default password: a token is drawn at the first start and kept in the run directory
(control/ems.token, mode 600). Give it as `Authorization: Bearer TOKEN`, or as the password of any
user name in the browser's own dialogue.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import jinja2
from aiohttp import web

from farline.ems.forms import filled_forms
from farline.runtime.control import ControlError, call
from farline.runtime.ids import RealIds
from farline.runtime.role import ROLES, RoleContext, roles_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

_CONTEXT = web.AppKey("context", RoleContext)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("farline.ems"), autoescape=True, undefined=jinja2.StrictUndefined
)


async def run_ems(context: RoleContext) -> None:
    """Serve the element manager until cancelled."""
    ems = context.deployment.ems
    if ems is None:
        raise ValueError("the deployment has no ems section")
    runner = web.AppRunner(make_app(context, read_token(context.run_dir)), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, ems.ip, ems.port).start()
        async with context.control({"show": lambda: {"url": f"http://{ems.ip}:{ems.port}/"}}):
            await asyncio.get_running_loop().create_future()
    finally:
        await runner.cleanup()


def read_token(run_dir: Path) -> str:
    """The token of this run directory, drawn when there is none."""
    path = run_dir / "control" / "ems.token"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(RealIds().token(16))
    return path.read_text().strip()


def make_app(context: RoleContext, token: str) -> web.Application:
    """The application; every route asks for the token."""
    app = web.Application(middlewares=[_guard(token)], client_max_size=64 * 1024)
    app[_CONTEXT] = context
    app.router.add_get("/", _forms_page)
    app.router.add_get("/status/{role}", _status_page)
    app.router.add_get("/api/v1/forms", _forms)
    app.router.add_get("/api/v1/roles", _roles)
    app.router.add_get("/api/v1/roles/{role}", _role)
    return app


def _guard(token: str) -> Callable[..., Awaitable[web.StreamResponse]]:
    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        given = _given_token(request.headers.get("Authorization", ""))
        if not hmac.compare_digest(given.encode(), token.encode()):
            challenge = {"WWW-Authenticate": 'Basic realm="farline", charset="UTF-8"'}
            return web.Response(status=401, text="token needed\n", headers=_HEADERS | challenge)
        try:
            response = await handler(request)
        except ControlError as error:
            response = web.json_response({"error": str(error)}, status=503)
        response.headers.update(_HEADERS)
        return response

    return guard


def _given_token(header: str) -> str:
    kind, _, value = header.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


async def _forms(request: web.Request) -> web.Response:
    forms = [asdict(form) for form in filled_forms(request.app[_CONTEXT].deployment)]
    return web.json_response({"forms": forms})


async def _roles(request: web.Request) -> web.Response:
    return web.json_response({"roles": roles_of(request.app[_CONTEXT].deployment)})


async def _role(request: web.Request) -> web.Response:
    return web.json_response(await _state(request))


async def _state(request: web.Request) -> dict[str, Any]:
    role = request.match_info["role"]
    if role not in ROLES:
        raise web.HTTPNotFound(text=f"roles: {', '.join(ROLES)}\n")
    path = request.app[_CONTEXT].run_dir / "control" / f"{role}.sock"
    state: dict[str, Any] = await call(path, "show")
    return state


async def _forms_page(request: web.Request) -> web.Response:
    deployment = request.app[_CONTEXT].deployment
    return _page("forms.html", forms=filled_forms(deployment), roles=roles_of(deployment))


async def _status_page(request: web.Request) -> web.Response:
    state = await _state(request)
    tables = {
        k: v for k, v in state.items() if isinstance(v, list) and v and isinstance(v[0], dict)
    }
    values = {k: v for k, v in state.items() if k not in tables}
    return _page(
        "status.html",
        role=request.match_info["role"],
        roles=roles_of(request.app[_CONTEXT].deployment),
        tables=tables,
        values=values,
    )


def _page(template: str, **values: object) -> web.Response:
    text = _TEMPLATES.get_template(template).render(**values)
    return web.Response(text=text, content_type="text/html")
