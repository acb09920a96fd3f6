"use strict";
// What the theme leaves out for keyboards and screen readers.

for (const caption of document.querySelectorAll("p.caption[role='heading']")) caption.setAttribute("aria-level", "2");
for (const part of document.querySelectorAll("pre, .table-wrapper, .output.text_html")) {
  if (part.scrollWidth > part.clientWidth) part.tabIndex = 0; // so that the arrow keys can scroll it
}
