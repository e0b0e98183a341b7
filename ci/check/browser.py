"""A chromium for the checks of pages, driven by chromedriver.

chromedriver speaks HTTP and JSON (W3C WebDriver), so Python's own library is all that it takes.
"""

import base64
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


class Refused(Exception):
    """An error that chromedriver reports."""


class Driver:
    """A chromedriver on a port of its own."""

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = ["chromedriver", f"--port={port}", "--log-level=OFF"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(100):
            try:
                if self.call("GET", "/status")["ready"]:
                    return self
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        sys.exit("chromedriver does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def call(self, method, path, body=None):
        """The answer; an error that chromedriver reports ends the check."""
        try:
            return self.ask(method, path, body)
        except Refused as error:
            sys.exit(f"{method} {path}: {error}")

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Refused(json.load(error)["value"]["message"]) from error


class Browser:
    """A chromium with a window of one size, and what it has logged."""

    def __init__(self, driver, width, height, phone=False, dark=False):
        window = f"--window-size={width},{height}"
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", window]}
        if phone:
            metrics = {"width": width, "height": height, "pixelRatio": 2, "touch": True}
            options["mobileEmulation"] = {"deviceMetrics": metrics}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.driver = driver
        session = driver.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = "/session/" + session["sessionId"]
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        emulated = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": scheme}}
        self.post("/goog/cdp/execute", emulated)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        logged = self.post("/se/log", {"type": "browser"})
        self.driver.call("DELETE", self.session)
        for message in logged:
            print("console:", message["message"], file=sys.stderr)
        if kind is None and logged:
            sys.exit("the console has messages")

    def post(self, path, body):
        return self.driver.call("POST", self.session + path, body)

    def open(self, url):
        # By way of an empty page: a change after the `#` alone would load nothing.
        self.post("/url", {"url": "about:blank"})
        self.post("/url", {"url": url})

    def run(self, script):
        return self.post("/execute/sync", {"script": script, "args": []})

    def picture(self, path):
        """Writes a screenshot. Now and then chromium on a busy machine has no frame to take it of
        ("Unable to capture screenshot"), and has one a little later. The pictures are for readers:
        a missing one is a skip, and the checks of the page go on."""
        for _ in range(5):
            try:
                taken = self.driver.ask("GET", self.session + "/screenshot")
                return path.write_bytes(base64.b64decode(taken))
            except Refused as error:
                refused = str(error).splitlines()[0]
                time.sleep(1)
        print(f"SKIPPED: the screenshot {path.name}: {refused}", file=sys.stderr)
