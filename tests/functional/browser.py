"""Headless Chromium, driven over DevTools' pipe, so that tests see what a browser makes of a page."""

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SECONDS = 60


class Browser:
    """One page. ``complaints`` collects what it logs as an error: a blocked script or style, a failed script."""

    def __init__(self, folder: Path) -> None:
        self.complaints: list[str] = []
        self._number = 0
        self._unread = b""
        heard, self._write = os.pipe()
        self._read, said = os.pipe()
        command = [
            str(CHROMIUM),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            f"--user-data-dir={folder}",
            "--remote-debugging-pipe",
            "about:blank",
        ]
        # DevTools' pipe is read from descriptor 3 and written to descriptor 4.
        shell = ["bash", "-c", f'exec "$@" 3<&{heard} 4>&{said}', "sh", *command]
        self._process = subprocess.Popen(
            shell, pass_fds=(heard, said), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(heard)
        os.close(said)
        self._session = ""
        (target,) = [one for one in self._send("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        attached = self._send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._send(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Opens the page, and returns when it has loaded."""
        self._send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        given = self._send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in given, given["exceptionDetails"]
        return given["result"].get("value")

    def wait(self, condition: str) -> None:
        """Waits until the expression is true; also over the change from one page to the next."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if self.run(f"Boolean({condition})"):
                return
            time.sleep(0.1)
        raise AssertionError(f"{condition} is not true on:\n{self.run('document.documentElement.outerHTML')[:5000]}")

    def submit(self, form: str, **fields: str) -> None:
        """Fills in the form, sends it as its button does, and waits for the next page."""
        self.run("window.left = true")
        for name, text in fields.items():
            self.run(f"document.querySelector({json.dumps(f'{form} [name={name}]')}).value = {json.dumps(text)}")
        # Among its elements, since a button may stand elsewhere on the page.
        self.run(f"[...document.querySelector({json.dumps(form)}).elements].find(one => one.type == 'submit').click()")
        self.wait("!window.left && document.readyState === 'complete'")

    def close(self) -> None:
        os.close(self._write)
        os.close(self._read)
        self._process.kill()
        self._process.wait(timeout=SECONDS)

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                # A page that is just being exchanged for the next one has no value yet.
                return answer.get("result", {"result": {}})
            self._note(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            assert select.select([self._read], [], [], SECONDS)[0], "Chromium says nothing."
            block = os.read(self._read, 1 << 20)
            assert block, "Chromium has ended."
            self._unread += block
        one, _, self._unread = self._unread.partition(b"\0")
        return json.loads(one)

    def _note(self, message: dict[str, Any]) -> None:
        given = message.get("params", {})
        match message.get("method"):
            case "Log.entryAdded" if given["entry"].get("url", "").endswith("/favicon.ico"):
                pass  # A browser looks for it on its own.
            case "Log.entryAdded" if given["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
            case "Runtime.exceptionThrown":
                self.complaints.append(str(given["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if given["type"] == "error":
                self.complaints.append(str(given["args"]))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    opened = Browser(folder)
    try:
        yield opened
    finally:
        opened.close()
