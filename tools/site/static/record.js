"use strict";
// A record that the reader makes and prints; it says what it is: nobody looked on.

(function (course) {
  const place = document.querySelector(".course-record");
  if (!place) return;
  const { element } = course;
  const day = (seconds) => new Date(seconds * 1000).toLocaleDateString("en-GB", { dateStyle: "long" });

  const name = element("input", "", { type: "text", autocomplete: "name", id: "course-name", size: "30" });
  const print = element("button", "Print the record");
  print.addEventListener("click", () => window.print());
  const form = element("p", "", { class: "course-buttons" });
  form.append(element("label", "Your name, for the record: ", { for: "course-name" }), name, " ", print);
  const whose = element("p", "", { class: "course-whose" });
  name.addEventListener("input", () => (whose.textContent = name.value));
  const page = element("div");
  place.append(element("h2", "Record of practice"), form, whose, page);

  function days(items, standings) {
    const times = items.map((item) => standings[item.id]).filter(Boolean);
    if (!times.length) return "on no day yet";
    const [from, to] = [Math.min(...times.map((one) => one.from)), Math.max(...times.map((one) => one.to))].map(day);
    return from === to ? from : `${from} to ${to}`;
  }

  function show() {
    const standings = course.store.standings();
    const all = course.lessons.flatMap((lesson) => lesson.items);
    const complete = course.lessons.filter(({ items }) => course.count(items, standings).right === items.length).length;
    const parts = [false, true].map((exercise) => course.count(all.filter((item) => item.exercise === exercise), standings));
    const rows = course.lessons.map(({ title, items }) => {
      const { of, answered, right, first } = course.count(items, standings);
      return [title, `${right} of ${of}`, String(first), answered ? days(items, standings) : "–"];
    });
    page.replaceChildren(
      element(
        "p",
        `Fine-tuning neural networks: ${complete} of ${course.lessons.length} lessons complete, ` +
          `${parts[0].right} of ${parts[0].of} questions and ${parts[1].right} of ${parts[1].of} exercises right; ` +
          `answered ${days(all, standings)}.`,
        { class: "course-result" },
      ),
      course.table("By lesson", ["Lesson", "Right", "At the first try", "Answered"], rows),
      element(
        "p",
        "The learner made this record on their own. Nobody looked on: answers may be tried as often as one likes, and " +
          `the keys are public. A lesson is complete when all its questions and exercises are right. Printed on ${day(Date.now() / 1000)}.`,
      ),
    );
  }

  document.addEventListener("course-changed", show);
  show();
})(window.course);
