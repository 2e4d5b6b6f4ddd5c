"""Code for examples/hello that turns it bad once it is healthy: what a host must notice after the switch."""

from __future__ import annotations

from tests.sandbox.bundles import ROOT

HEALTHY = 3  # answers: two in a row are health, the third goes through the proxy
WAYS = {  # how -> the reason given
    "dies": "it exited with code 5",
    "errs": "through the proxy, it answered 500",
    "hangs": "through the proxy, it did not answer within 1 s",
    "poses": "through the proxy, it answered as 0.0.0-impostor, not as 0.1.1-dev",
}
CODE = """
import http.server, itertools, os, signal, sys, threading
_answers, _send, _broken = itertools.count(1), http.server.BaseHTTPRequestHandler.send_response, threading.Event()
_break = {{
    "dies": lambda: os._exit(5),
    "errs": _broken.set,
    "hangs": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "poses": lambda: sys.modules["__main__"].__dict__.update(VERSION="0.0.0-impostor"),
}}
def _counted(self, code, message=None):
    number = next(_answers)
    bad = _broken.is_set() or number == {bad_answer}
    _send(self, 500 if bad else code, message)
    if number == {answers} and {how!r}:
        threading.Timer({seconds}, _break[{how!r}]).start() if {seconds} else _break[{how!r}]()
http.server.BaseHTTPRequestHandler.send_response = _counted
"""


def breaking(how: str, *, answers: int = HEALTHY, seconds: float = 0.5, bad_answer: int = 0) -> str:
    """Code by which the app breaks so many seconds after its n-th answer; `bad_answer` alone is a 500."""
    return CODE.format(how=how, answers=answers, seconds=seconds, bad_answer=bad_answer)


def with_code(code: str) -> dict[str, bytes]:
    """The app's file with that code in it, for a bundle."""
    app = "examples/hello/app.py"
    return {app: (ROOT / app).read_text("utf-8").replace("CONFIG =", f"{code}\nCONFIG =", 1).encode()}
