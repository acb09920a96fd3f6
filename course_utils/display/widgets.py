"""How a control reaches the notebook, what stands in for it, and what its answers are made of."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

import ipywidgets as widgets
from IPython.display import display

MOST_BARS = 3  # classes listed

# What a slider shows at each of its values, for pages that no kernel serves: notebooks pass it over.
SLIDER = "application/vnd.course.slider+json"

# A kernel's end leaves its widgets in the page without life, and the next day's page finds no widget at all. So beside
# each stands what can be read, and the page shows the one while the other isn't there: by CSS, which needs no kernel.
INSTEAD = """<style>
body:has(.course-live-{key}:not(.jupyter-widgets-disconnected)) .course-still-{key} {{display: none}}
.course-live-{key}.jupyter-widgets-disconnected {{display: none !important}}
.jp-OutputArea-child:has(.course-still-{key}) + .jp-OutputArea-child:not(:has(.course-live-{key})) {{display: none}}
</style>"""
# ipywidgets (8.1) gives a slider no name, and its place for a value: a screen reader says "2.0" instead of "Depth,
# stage 3". Both stand beside it. And a button for uploads counts them, "(0)", which says nothing of one photo.
# A kernel hears nothing while a cell runs: a question whose button has no answer for a while is marked, so that it says
# so. JupyterLab's page tells of a running cell itself; Colab's, in whose frames a question stands alone, doesn't.
NAMED = r"""<script>(() => {{
  const name = handle => {{
    const row = handle.closest(".widget-inline-hbox"), text = part => row.querySelector(part)?.textContent ?? "";
    const said = {{"aria-label": text(".widget-label"), "aria-valuetext": text(".widget-readout")}};
    for (const [key, value] of Object.entries(said))
      if (handle.getAttribute(key) !== value) handle.setAttribute(key, value);
  }};
  const observer = new MutationObserver(changes => changes.forEach(({{target}}) => name(target)));
  const uncount = button => {{
    const said = button.lastChild;
    if (/ \(\d+\)$/.test(said?.textContent)) said.textContent = said.textContent.replace(/ \(\d+\)$/, "");
  }};
  const counts = new MutationObserver(changes => changes.forEach(({{target}}) => uncount(target)));
  document.addEventListener("click", ({{target}}) => {{
    const card = target.closest?.(".course-live-{key} button")?.closest(".course-question");
    if (!card) return;
    const timer = setTimeout(() => card.classList.add("course-waiting"), 1500);
    const answered = new MutationObserver(() => {{
      clearTimeout(timer);
      card.classList.remove("course-waiting");
      answered.disconnect();
    }});
    answered.observe(card, {{childList: true, subtree: true}});
  }});
  let tries = 0;
  const timer = setInterval(() => {{
    const handles = document.querySelectorAll(".course-live-{key} .noUi-handle");
    for (const handle of handles) {{
      name(handle);
      observer.observe(handle, {{attributeFilter: ["aria-valuetext"]}});
    }}
    const uploads = document.querySelectorAll(".course-live-{key} .widget-upload");
    for (const button of uploads) {{
      uncount(button);
      counts.observe(button, {{childList: true}});
    }}
    if (handles.length || uploads.length || ++tries > 100) clearInterval(timer);
  }}, 200);
}})();</script>"""
STILL = re.compile(r'<div class="course-still-\w+">.*?<!-- still -->(.*)<!-- end of still --></div>', re.S)


def show_control(
    box: widgets.DOMWidget,
    static: str,
    text: str,
    again: str = "it works again",
    slider: dict[str, Any] | None = None,
) -> None:
    """Show the widget where a kernel serves it, the HTML where none does, the text in a terminal.

    Parameters
    ----------
    box : DOMWidget
        The control.
    static : str
        HTML that stands for it.
    text : str
        What a terminal shows.
    again : str
        What happens when the cell is run again, after "Run this cell again: ".
    slider : dict, optional
        What `slider_frames` gives, for a control that has nothing else.
    """
    key = box.model_id[:12]
    box.add_class(f"course-live-{key}")
    note = f"<p><em>Run this cell again: {again}. After a restart, run the cells above it first.</em></p>"
    still = f"{INSTEAD.format(key=key)}{NAMED.format(key=key)}{note}<!-- still -->{static}<!-- end of still -->"
    beside = {"text/html": f'<div class="course-still-{key}">{still}</div>', "text/plain": text}
    display(beside | ({SLIDER: slider} if slider else {}), raw=True)
    live = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    display({"application/vnd.jupyter.widget-view+json": live}, raw=True)


def slider_frames(slider: widgets.SelectionSlider, frames: Iterable[tuple[str, Iterable[str]]]) -> dict[str, Any]:
    """Give what a slider shows at each of its values: a sentence, and marks upon the control's one figure."""
    names = [name for name, _ in slider.options]
    shown = [
        {"value": name, "said": said, "marks": "".join(marks)}
        for name, (said, marks) in zip(names, frames, strict=True)
    ]
    return {"label": slider.description, "start": slider.index, "frames": shown}


def static_part(page: str) -> str | None:
    """What stands for a control in the HTML that `show_control` puts beside it; None for any other HTML."""
    found = STILL.fullmatch(page)
    return found and found[1]


def status_html(sentence: str) -> str:
    """Return a paragraph that screen readers read out when it changes."""
    return f'<p role="status">{html.escape(sentence)}</p>'


def bar_html(share: float) -> str:
    """Return a bar as long as a share, 0 to 1, of its track; it only repeats the number beside it."""
    share = min(max(share, 0.0), 1.0)
    colour, track = "var(--jp-brand-color1,#1976d2)", "rgba(128,128,128,.25)"  # Lab's own blue; a grey for both themes
    bar = f'<div style="width:{share:.1%};height:.8em;background:{colour}"></div>'
    return f'<div aria-hidden="true" style="background:{track}">{bar}</div>'


def shares_html(shares: Sequence[tuple[str, float]]) -> str:
    """Return the most probable classes, best first, as a table with bars, and in one row the others together."""
    rows = [
        f"<tr><th scope='row'>{html.escape(str(label))}</th>{_percent(share)}"
        f"<td style='width:12em'>{bar_html(share)}</td></tr>"
        for label, share in shares[:MOST_BARS]
    ]
    if more := shares[MOST_BARS:]:
        others = f"the other {len(more)}" if len(more) > 1 else html.escape(str(more[0][0]))
        rows.append(f"<tr><th scope='row'>{others}</th>{_percent(sum(share for _, share in more))}<td></td></tr>")
    head = "<tr><th scope='col'>class</th><th scope='col'>probability</th><td></td></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _percent(share: float) -> str:
    said = "under 1%" if 0 < share < 0.005 else f"{share:.0%}"
    return f"<td style='padding:0 .8em;text-align:right'>{said}</td>"  # Lab leaves no room between a control's cells


def marked_html(figure: str, marks: Iterable[str]) -> str:
    """Return a figure with marks upon it: it is drawn once, and whatever is chosen, only the marks change."""
    return f'<div style="position:relative;display:inline-block;line-height:0">{figure}{"".join(marks)}</div>'


def mark_html(left: float, top: float, width: str, height: str, extra: str = "") -> str:
    """Return a black outline for `marked_html`; left and top are shares of the figure's width and height."""
    # It only repeats what the sentence beside the figure says, so screen readers pass over it.
    return (
        f'<span aria-hidden="true" style="position:absolute;left:{left:.2%};top:{top:.2%};width:{width};'
        f'height:{height};box-sizing:border-box;border:3px solid black;{extra}"></span>'
    )
