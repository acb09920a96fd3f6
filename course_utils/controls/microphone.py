"""A button that records with the browser's microphone, wherever the page may use it, and nothing to install."""

import base64
import binascii
import html
import uuid
from collections.abc import Callable

import ipywidgets as widgets

SECONDS = 2
MARK = "data:audio/wav;base64,"
# Runs in the page. The browser itself decodes what its recorder coded, and the kernel gets a WAV of 16,000 samples a
# second, 90 kB in all, through a line of text that nobody sees: that works with every front end that shows ipywidgets.
CODE = """(async button => {
  const told = button.nextElementSibling, tell = said => { told.textContent = said; };
  const line = document.querySelector(".course-recording-KEY textarea");
  if (!line || !navigator.mediaDevices || !window.MediaRecorder)
    return tell("This page can't use a microphone: upload a file instead.");
  button.disabled = true;
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({audio: true});
  } catch (problem) {
    tell("The browser gives no microphone (" + problem.message + "): allow it, or upload a file instead.");
    button.disabled = false;
    return;
  }
  try {
    const recorder = new MediaRecorder(stream), parts = [];
    recorder.ondataavailable = event => parts.push(event.data);
    const stopped = new Promise(done => { recorder.onstop = done; });
    recorder.start();
    tell("Recording: say the word now.");
    await new Promise(done => setTimeout(done, SECONDS * 1000));
    recorder.stop();
    await stopped;
    const coded = await new Blob(parts).arrayBuffer();
    const sound = (await new OfflineAudioContext(1, 1, 16000).decodeAudioData(coded)).getChannelData(0);
    const file = new DataView(new ArrayBuffer(44 + 2 * sound.length));
    const words = [[0, "RIFF"], [8, "WAVEfmt "], [36, "data"]];
    for (const [place, word] of words) [...word].forEach((sign, i) => file.setUint8(place + i, sign.charCodeAt(0)));
    const longs = [[4, 36 + 2 * sound.length], [16, 16], [24, 16000], [28, 32000], [40, 2 * sound.length]];
    for (const [place, number] of longs) file.setUint32(place, number, true);
    for (const [place, number] of [[20, 1], [22, 1], [32, 2], [34, 16]]) file.setUint16(place, number, true);
    sound.forEach((value, i) => file.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, value)) * 32767, true));
    const bytes = new Uint8Array(file.buffer);
    let signs = "";
    for (let i = 0; i < bytes.length; i += 8192) signs += String.fromCharCode(...bytes.subarray(i, i + 8192));
    line.value = "MARK" + btoa(signs);
    line.dispatchEvent(new Event("input", {bubbles: true}));
    tell("Recorded. Press the button to record again.");
  } catch (problem) {
    tell("The recording failed (" + problem.message + "): try again, or upload a file instead.");
  } finally {
    stream.getTracks().forEach(track => track.stop());
    button.disabled = false;
  }
})(this)"""


class Microphone:
    """A button, and what it tells; `heard` is called with the content of a WAV file after each recording.

    Attributes
    ----------
    box : HBox
        The button, and the line of text that takes the recording to the kernel, hidden.
    line : Textarea
        That line.
    """

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self.heard = heard
        key = uuid.uuid4().hex[:12]
        code = CODE.replace("KEY", key).replace("SECONDS", str(SECONDS)).replace("MARK", MARK)
        self.line = widgets.Textarea(continuous_update=True, layout=widgets.Layout(display="none"))
        self.line.add_class(f"course-recording-{key}")
        self.line.observe(lambda change: self._take(change["new"]), "value")
        button = (
            f'<button type="button" class="jupyter-button" style="width:auto" onclick="{html.escape(code)}">'
            f'Record {SECONDS} seconds</button> <span role="status"></span>'
        )
        self.box = widgets.HBox([widgets.HTML(button), self.line])

    def _take(self, sent: str) -> None:
        if not sent.startswith(MARK):
            return
        try:
            content = base64.b64decode(sent.removeprefix(MARK), validate=True)
        except binascii.Error:
            content = b""  # the reader of sounds says that it can't be read
        self.line.value = ""  # so that a second recording is a change, whatever it holds
        self.heard(content)
