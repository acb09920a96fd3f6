"use strict";
// Where a browser keeps nothing for the site, what stands in for its storage lasts until the page is left.
window.course = { lasts: true };

try {
  localStorage.setItem("course-try", "1");
  localStorage.removeItem("course-try");
} catch {
  const kept = new Map();
  const getItem = (name) => kept.get(name) ?? null;
  const storage = { getItem, setItem: (name, value) => kept.set(name, String(value)), removeItem: (name) => kept.delete(name) };
  Object.defineProperty(window, "localStorage", { value: storage, configurable: true }); // the theme's switch uses it too
  window.course.lasts = false;
}
