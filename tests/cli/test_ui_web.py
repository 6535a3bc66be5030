"""``zkc ui --web`` in a real browser: chromium without a window, driven by the DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pyte
import pytest

pytestmark = pytest.mark.web
PATIENCE = 40.0


@pytest.fixture
def address(start_cli, cli_environment):
    """Return the address that the command prints, with its token."""
    process = start_cli("ui", "--web")
    return process.stdout.readline().decode().strip()


def test_a_root_that_does_not_exist_is_one_sentence(cli):
    assert cli("ui", "--web", "/none", "--json", code=3).error["error"] == "no_node"


def status_of(url, **headers):
    """Return the status of a request, redirections not followed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    opener = urllib.request.build_opener(Stay)
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_requests_without_the_token_or_from_another_site_are_refused(address):
    base, token = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+)", address).groups()
    cookie = f"zkc-token={token}"
    for path in ("/", "/ws", "/static/js/textual.js", "/?token=wrong", "/download/x", f"/ws?token={token}"):
        assert status_of(base + path) == 403, path
    assert status_of(address) == 302
    assert status_of(base + "/", Cookie=cookie) == 200
    assert status_of(base + "/", Cookie="zkc-token=wrong") == 403
    assert status_of(base + "/static/js/textual.js", Cookie=cookie) == 200
    assert status_of(base + "/", Cookie=cookie, Host="evil.example") == 403
    assert status_of(base + "/ws", Cookie=cookie, Origin="http://evil.example") == 403


class Browser:
    """A page in chromium, and the terminal that it draws."""

    def __init__(self, socket):
        self._socket, self._number = socket, 0
        self._screen = pyte.Screen(200, 60)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self._screen.display)

    async def call(self, method, **parameters):
        self._number += 1
        number = self._number
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._take()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    async def _take(self):
        message = json.loads((await self._socket.receive(timeout=PATIENCE)).data)
        if message.get("method") == "Network.webSocketFrameReceived":
            frame = message["params"]["response"]
            if frame["opcode"] == 2:
                self._stream.feed(base64.b64decode(frame["payloadData"]))
        return message

    async def see(self, text):
        deadline = time.monotonic() + PATIENCE
        while text not in self.text:
            assert time.monotonic() < deadline, f"the page does not show {text!r}:\n{self.text}"
            if time.monotonic() > deadline - 20 and os.environ.get("ZKC_TEST_PICTURES"):
                await self.picture(Path(os.environ["ZKC_TEST_PICTURES"], "missing.png"))
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._take(), 1)

    async def press(self, key, text=""):
        codes = {"Enter": 13, "ArrowDown": 40}
        common = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, 0)}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def picture(self, file):
        shot = await self.call("Page.captureScreenshot", format="png")
        Path(file).write_bytes(base64.b64decode(shot["data"]))


@pytest.fixture
def chromium(tmp_path):
    """Start the browser, and return the address of its page's DevTools."""
    program = shutil.which("chromium")
    assert program, "chromium is not installed: run ./dev test --web, which installs it"
    process = subprocess.Popen(
        [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
         "--remote-debugging-address=127.0.0.1", f"--user-data-dir={tmp_path}/profile",
         "--window-size=1200,800", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"DevTools listening on ws://([\d.:]+)/", line)
            if found:
                break
        else:
            pytest.fail("chromium did not start")
        with urllib.request.urlopen(f"http://{found[1]}/json/list", timeout=10) as response:
            pages = json.load(response)
        yield next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
    finally:
        process.terminate()
        process.wait(20)
        process.stderr.close()


def test_the_screen_opens_expands_and_shows_a_live_change(address, chromium, client):
    import aiohttp

    client.create("/application", b"first value")
    client.create("/application/inner", b"")
    pictures = os.environ.get("ZKC_TEST_PICTURES")

    async def body():
        async with aiohttp.ClientSession() as session, session.ws_connect(chromium, max_msg_size=0) as socket:
            page = Browser(socket)
            await page.call("Network.enable")
            await page.call("Page.enable")
            await page.call("Page.navigate", url=address.partition("?")[0])
            content = await page.call("Runtime.evaluate", expression="document.body.innerText")
            assert "Refused" in content["result"]["value"] or content["result"]["value"] == ""
            await page.call("Page.navigate", url=address)
            await page.see("application")
            await page.call("Runtime.evaluate", expression="document.querySelector('textarea').focus()")
            await page.press("ArrowDown")
            await page.see("first value")
            await page.press("Enter", "\r")
            await page.see("inner")
            client.set("/application", b"second value")
            await page.see("second value")
            client.create("/another")
            await page.see("another")
            if pictures:
                await page.picture(Path(pictures, "web.png"))
            where = await page.call("Runtime.evaluate", expression="location.href")
            assert "token" not in where["result"]["value"]

    asyncio.run(body())
