"""A foreign phone for the tests: baresip, in a process of its own (it allows one stack a process).

    baresip_phone.py OPTIONS-AS-JSON

Prints a JSON event a line: registered, ringing, incoming, established, closed, failed. Ends when
its call ends.
"""

import asyncio
import contextlib
import json
import sys

import baresip


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


async def main(options):
    transport = options["transport"]
    lines = [f"sip_listen {options['local_ip']}:0"]
    if transport == "tls":
        lines += [f"sip_cafile {options['ca']}", "sip_verify_server yes"]
    if "codecs" in options:
        # Files have 8000 samples a second and one channel, whatever the codec has.
        form = ("srate 8000", "channels 1")
        lines += [f"{end}_{one}" for end in ("ausrc", "auplay") for one in form]
    runtime = baresip.Runtime()
    await runtime.start(
        baresip.Config(
            net_interface=options["local_ip"],
            audio_source=f"aufile,{options['play']}",
            audio_player=f"aufile,{options['record']}",
            instance_id=options.get("instance"),
            extra_config_text="\n".join(lines) + "\n",
        )
    )
    try:
        await phone(runtime, options, transport)
    finally:
        await runtime.close()


async def phone(runtime, options, transport):
    account = baresip.Account(
        user=options["user"],
        domain=options["domain"],
        password=options["password"],
        registrar=f"sip:{options['proxy']};transport={transport}",
        transport=transport,
        audio_codecs=tuple(options.get("codecs", ("pcma", "pcmu"))),
        reg_interval=180,
        extra_params=tuple(options.get("extra_params", ())),
    )
    agent = await baresip.UserAgent.create(runtime, account)
    incoming = asyncio.Queue()
    agent.on_incoming(incoming.put_nowait)
    await agent.register()
    say("registered")
    if "call" in options:
        call = await agent.dial(options["call"])
    else:
        call = await incoming.get()
        say("incoming")
        await call.answer()
    await call.wait_established()
    say("established")
    closed = asyncio.Event()
    call.on(lambda event: closed.set() if event.event is baresip.Event.CALL_CLOSED else None)
    try:
        if "hold_after" in options:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closed.wait(), options["hold_after"])
            await call.hold()
            say("held")
        await asyncio.wait_for(closed.wait(), options.get("talk_seconds", 30))
        say("closed", by="peer")
    except TimeoutError:
        await call.hangup()
        await asyncio.wait_for(closed.wait(), 10)
        say("closed", by="us")
    await agent.unregister()


if __name__ == "__main__":
    try:
        asyncio.run(main(json.loads(sys.argv[1])))
    except (baresip.BaresipError, TimeoutError) as error:
        say("failed", reason=f"{type(error).__name__}: {error}")
        sys.exit(1)
