"use strict";
// Moves the sliders of a page: each value's sentence and marks were kept when the lesson ran.

for (const place of document.querySelectorAll(".course-slider")) {
  const frames = JSON.parse(place.querySelector("script").textContent);
  const slider = place.querySelector("input");
  slider.addEventListener("input", () => {
    const { value, said, marks } = frames[Number(slider.value)];
    slider.setAttribute("aria-valuetext", value);
    place.querySelector("output").textContent = value;
    place.querySelector("p[role='status']").textContent = said;
    place.querySelector(".course-marks").innerHTML = marks;
  });
}
