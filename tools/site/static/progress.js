"use strict";
// How the reader stands: ticks in the menu, a line on each lesson's card, the list at a lesson's end, the page of all.

(function (course) {
  const lessons = course.lessons;
  const root = document.documentElement.dataset.content_root || "./";

  course.element = (name, words = "", attributes = {}) => {
    const made = document.createElement(name);
    made.textContent = words;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const element = course.element;

  /** {right, first, answered, due, of} of some items. */
  course.count = (items, standings = course.store.standings()) => {
    const those = items.map((item) => standings[item.id]).filter(Boolean);
    return {
      of: items.length,
      answered: those.length,
      right: those.filter((one) => one.right).length,
      first: those.filter((one) => one.first).length,
      due: those.filter((one) => course.store.isDue(one)).length,
    };
  };

  function row(cells, kind = "td") {
    const made = element("tr");
    for (const [number, cell] of cells.entries()) {
      const box = element(number ? kind : "th", cell instanceof Node ? "" : cell, { scope: number ? "col" : "row" });
      if (number && kind === "td") box.removeAttribute("scope");
      if (cell instanceof Node) box.append(cell);
      made.append(box);
    }
    return made;
  }

  course.table = (caption, head, rows) => {
    const table = element("table", "", { class: "course-table" });
    table.append(element("caption", caption), element("thead"), element("tbody"));
    table.tHead.append(row(head, "th"));
    table.tHead.rows[0].cells[0].scope = "col";
    table.tBodies[0].append(...rows.map((cells) => row(cells)));
    return table;
  };

  function showMenu(standings) {
    for (const lesson of lessons) {
      const { of, right } = course.count(lesson.items, standings);
      for (const link of document.querySelectorAll(".sidebar-tree a")) {
        if (!link.textContent.startsWith(lesson.title)) continue;
        const state = right === of ? "✓" : right ? `${right}/${of}` : "";
        link.querySelector(".course-tick")?.remove();
        if (state) link.append(element("span", state, { class: "course-tick", title: `${right} of ${of} right` }));
      }
    }
  }

  function showCards(standings) {
    for (const place of document.querySelectorAll("[data-standing]")) {
      const lesson = lessons.find((one) => one.number === place.dataset.standing);
      const { of, right } = course.count(lesson.items, standings);
      place.textContent = right ? ` · ${right} of ${of} right` : "";
    }
  }

  function state(item, one) {
    if (!one) return item.exercise ? "to do in a notebook" : "to do";
    if (!one.right) return "not yet";
    return one.first ? "right at the first try" : `right after ${one.tries} tries`;
  }

  function showSummary(standings) {
    for (const place of document.querySelectorAll(".course-summary")) {
      const lesson = lessons.find((one) => one.number === place.dataset.lesson);
      const { of, right } = course.count(lesson.items, standings);
      const list = element("ul");
      for (const item of lesson.items) {
        const line = element("li");
        line.append(element("a", item.label, { href: "#" + item.anchor }), `: ${state(item, standings[item.id])}`);
        list.append(line);
      }
      const more = element("p");
      more.append("All lessons: ", element("a", "your progress", { href: `${root}progress.html` }), ".");
      place.replaceChildren(element("p", `${right} of ${of} right so far.`, { role: "status" }), list, more);
    }
  }

  function showAll(standings) {
    const place = document.querySelector(".course-progress");
    if (!place) return;
    const rows = lessons.map((lesson) => {
      const { of, answered, right, first, due } = course.count(lesson.items, standings);
      const link = element("a", lesson.title, { href: root + lesson.page });
      const share = answered ? `${Math.round((100 * first) / answered)}%` : "–";
      return [link, `${answered} of ${of}`, String(right), share, due ? String(due) : ""];
    });
    const head = ["Lesson", "Answered", "Right", "At the first try", "Due today"];
    place.replaceChildren(course.table("How you stand", head, rows), again(standings), buttons());
  }

  function again(standings) {
    const waiting = lessons.flatMap((lesson) => lesson.items.map((item) => ({ lesson, item })));
    const due = waiting
      .filter(({ item }) => course.store.isDue(standings[item.id]))
      .sort((one, other) => standings[one.item.id].due - standings[other.item.id].due);
    const line = element("p", due.length ? "Due again today: " : "Nothing is due again today.", { role: "status" });
    due.forEach(({ lesson, item }, number) => {
      line.append(number ? ", " : "", element("a", item.id, { href: `${root}${lesson.page}#${item.anchor}`, title: item.label }));
    });
    if (!course.lasts) line.append(" This browser keeps nothing for this site: save your answers to a file before you leave.");
    return line;
  }

  function buttons() {
    const place = element("p", "", { class: "course-buttons" });
    const said = element("span", "", { role: "status" });
    const save = element("button", "Save my answers to a file");
    save.addEventListener("click", () => {
      const address = URL.createObjectURL(new Blob([course.store.text()], { type: "application/json" }));
      element("a", "", { href: address, download: "answers.json" }).click();
      URL.revokeObjectURL(address);
    });
    const file = element("input", "", { type: "file", accept: "application/json,.json", hidden: "" });
    const load = element("button", "Load a file");
    load.addEventListener("click", () => file.click());
    file.addEventListener("change", async () => {
      try {
        const many = course.store.add(await file.files[0].text());
        told(many === 1 ? "One answer is new." : `${many} answers are new.`);
      } catch (trouble) {
        told(trouble.message);
      }
    });
    const erase = element("button", "Erase everything");
    erase.addEventListener("click", () => {
      if (window.confirm("Delete all your answers and guesses from this browser?")) course.store.erase();
    });
    place.append(save, " ", load, file, " ", erase, " ", said);
    said.textContent = lastTold;
    lastTold = "";
    return place;
  }

  let lastTold = "";
  function told(sentence) {
    lastTold = sentence;
    show();
  }

  function show() {
    const standings = course.store.standings();
    for (const part of [showMenu, showCards, showSummary, showAll]) part(standings);
  }

  document.addEventListener("course-changed", show);
  show();
})(window.course);
