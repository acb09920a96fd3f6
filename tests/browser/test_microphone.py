"""The button that records, in a real browser whose microphone beeps, and where the page may not use it."""

import base64
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from playwright.sync_api import expect

from course_utils.controls.microphone import MARK, SECONDS, Microphone
from course_utils.data import read_sound
from course_utils.data.sound.spectrograms import RATE


@pytest.fixture
def address():
    """A page that holds the button and the hidden line, as a notebook's front end draws them."""
    microphone = Microphone(lambda content: None)
    button, line = microphone.box.children
    page = f'<!doctype html>{button.value}<div class="{line._dom_classes[0]}"><textarea></textarea></div>'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_what_the_microphone_hears_reaches_the_kernels_line_as_a_sound(browser, address):
    page = browser.new_context(permissions=["microphone"]).new_page()
    page.goto(address)
    page.evaluate("document.querySelector('textarea').addEventListener('input', () => { window.sent = true; })")
    page.get_by_role("button", name="Record 2 seconds").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Recorded.", timeout=30_000)
    expect(page.get_by_role("button")).to_be_enabled()
    value = page.locator("textarea").input_value()
    assert page.evaluate("window.sent")
    wave = read_sound(base64.b64decode(value.removeprefix(MARK)))
    page.context.close()
    assert value.startswith(MARK)
    assert 0.5 * SECONDS < len(wave) / RATE < 2 * SECONDS and np.abs(wave).max() > 0.01


def test_a_page_that_may_not_use_the_microphone_says_what_to_do_instead(browser, address):
    page = browser.new_context().new_page()
    page.goto(address)
    page.get_by_role("button", name="Record 2 seconds").click()
    expect(page.get_by_role("status")).to_contain_text("upload a file instead.")
    expect(page.get_by_role("button")).to_be_enabled()
    assert page.locator("textarea").input_value() == ""
    page.context.close()
