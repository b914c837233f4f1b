"""The media role: what the Media Engine form makes of it."""

import asyncio
from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.lab.loopback import to_loopback
from farline.runtime.control import call
from farline.runtime.media import run_border_media
from farline.runtime.role import RoleContext

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "x" * 12)


@pytest.mark.parametrize(("setting", "said"), [("auto", "none: loopback"), ("off", "none: off")])
async def test_the_form_decides_over_the_fast_path_and_show_says_what_came_of_it(
    tmp_path: Path, setting: str, said: str
) -> None:
    form = f"border:\n  media_engine: {{fast_path: {setting}}}\n  # Device"
    text = GUIDE.replace("border:\n  # Device", form, 1)
    deployment = to_loopback(load_deployment(text, SECRETS), variant=93)
    context = RoleContext("media", deployment, tmp_path, tmp_path)
    context.control_path.parent.mkdir()
    role = asyncio.ensure_future(run_border_media(context))
    try:
        while not context.control_path.exists():
            assert not role.done(), role.result()
            await asyncio.sleep(0.01)
        assert (await call(context.control_path, "show"))["fast_path"] == said
    finally:
        role.cancel()
        await asyncio.gather(role, return_exceptions=True)
