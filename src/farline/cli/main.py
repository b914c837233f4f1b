"""`farline`: every verb in one place; each has --help with an example, and --json."""

from __future__ import annotations

import typer

from farline.cli import (
    apply,
    check,
    explain,
    lab,
    media,
    mobile,
    order,
    phone,
    replay,
    run,
    script,
    secret,
    shield,
    show,
    tls,
    trace,
)

app = typer.Typer(
    name="farline",
    help="Use the office extension from anywhere: border, office, portal, mobile client and lab.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("order")(order.order)
app.command("apply")(apply.apply)
app.command("rollback")(apply.rollback)
app.command("confirm")(apply.confirm)
app.command("versions")(apply.versions)
app.command("explain")(explain.explain)
app.command("replay")(replay.replay)
app.command("show")(show.show)
app.command("trace")(trace.trace)
app.command("mobile")(mobile.mobile)
app.command("phone")(phone.phone)
app.command("media")(media.media)
app.add_typer(script.app, name="script")
app.add_typer(shield.app, name="shield")
app.add_typer(secret.app, name="secret")
app.add_typer(tls.app, name="tls")
app.add_typer(lab.app, name="lab")


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
