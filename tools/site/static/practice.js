"use strict";
// Makes the questions of a page answer; without it, each shows its answer folded away.

(function (course) {
  const ENOUGH = 2; // wrong tries after which the answer is offered
  const key = (element) => JSON.parse(element.querySelector("script[type='application/json']").textContent);

  class Question {
    constructor(form) {
      this.form = form;
      this.id = form.dataset.item;
      this.item = key(form);
      this.said = form.querySelector(".course-said");
      this.hinted = form.querySelector(".course-hinted");
      this.again = form.querySelector(".course-again");
      this.fold = form.querySelector("details");
      this.hints = this.wrong = 0;
      this.done = false;
      this.steps = form.querySelector(".course-steps");
      if (this.steps) this.addArrows();
      form.querySelector(".course-buttons").hidden = false;
      this.fold.hidden = true; // until it is right, or has been wrong twice
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.check();
      });
      form.querySelector("[data-does='hint']").addEventListener("click", () => this.hint());
      this.fold.addEventListener("toggle", () => (this.done ||= this.fold.open));
      this.restore();
    }

    get answer() {
      if (this.steps) return [...this.steps.children].map((step) => Number(step.dataset.step));
      const fields = [...this.form.elements.namedItem("answer")?.length ? this.form.elements.answer : [this.form.elements.answer]];
      if (fields[0].type === "text") return fields[0].value;
      return fields.filter((field) => field.checked).map((field) => Number(field.value)).sort((a, b) => a - b);
    }

    set answer(answer) {
      if (this.steps) {
        for (const step of answer) this.steps.append(this.steps.querySelector(`[data-step="${Number(step)}"]`));
        this.markEnds();
        return;
      }
      for (const field of this.form.querySelectorAll("[name='answer']")) {
        if (field.type === "text") field.value = String(answer);
        else field.checked = answer.includes(Number(field.value));
      }
    }

    /** Show the last answer, what was said of it, and the hints; but a right answer that is due is asked again. */
    restore() {
      this.hints = Math.min(course.store.hints(this.id), this.item.hints.length);
      this.showHints();
      if (this.item.kind === "prediction") {
        const guess = course.store.guess(this.id);
        if (guess !== undefined) {
          this.answer = guess;
          this.say(`<strong>Noted.</strong> Your guess is ${course.withUnit(guess, this.item.unit)}. You may change it.`);
        }
        return;
      }
      const last = course.store.last(this.id);
      if (!last) return;
      const standing = course.store.standings()[this.id];
      if (last.right && course.store.isDue(standing)) {
        return this.say("You got this right before, after a miss. Today it is asked again.");
      }
      try {
        this.answer = last.answer;
        this.wrong = standing.misses;
        this.tell(course.judge(this.item, this.answer), "You answered this before. ");
      } catch {
        // an answer to what the question was before it was changed
      }
    }

    check() {
      if (this.item.kind === "prediction") return this.note();
      const verdict = course.judge(this.item, this.answer);
      if (verdict.right !== null && !this.done) {
        course.store.record(this.id, verdict.right, this.answer, this.hints); // once it is right, no new try
        this.wrong += verdict.right ? 0 : 1;
      }
      this.tell(verdict);
    }

    note() {
      const { low, high, unit } = this.item;
      let { value, trouble } = course.readNumber(this.answer, this.item);
      if (!trouble && !(low <= value && value <= high)) trouble = `A guess lies between ${low} and ${high}.`;
      if (trouble) {
        this.say("<strong>Not noted.</strong> <span></span>");
        this.said.querySelector("span").textContent = trouble;
        return;
      }
      course.store.noteGuess(this.id, value);
      this.say(`<strong>Noted:</strong> ${course.withUnit(value, unit)}. A cell below compares it with what it finds.${kept()}`);
    }

    tell(verdict, before = "") {
      const told = verdict.feedback.join(" ");
      this.again.hidden = verdict.right !== false;
      if (verdict.right === null) return this.say(told);
      if (!verdict.right) {
        if (this.wrong >= ENOUGH) this.fold.hidden = false;
        return this.say(`${before}<strong>Not yet.</strong> ${told}${kept()}`, "wrong");
      }
      this.done = true;
      this.fold.hidden = false;
      this.hinted.textContent = "";
      const why = this.form.querySelector(".course-explanation").innerHTML;
      this.say(`${before}<strong>Right.</strong> ${told}${kept()}${why}`, "right");
    }

    hint() {
      this.hints = Math.min(this.hints + 1, this.item.hints.length);
      course.store.keepHints(this.id, this.hints);
      this.showHints();
    }

    showHints() {
      const all = this.item.hints.length;
      const rows = this.item.hints.slice(0, this.hints).map((hint, n) => `<strong>Hint ${n + 1} of ${all}.</strong> ${hint}`);
      if (rows.length === all) rows.push(`${rows.pop()} That was the last hint.`);
      this.hinted.innerHTML = rows.map((row) => `<p>${row}</p>`).join("");
    }

    say(page, how = "") {
      this.said.innerHTML = page;
      this.said.dataset.verdict = how;
    }

    addArrows() {
      for (const step of this.steps.children) {
        const words = step.textContent;
        for (const [sign, way] of [["↑", -1], ["↓", 1]]) {
          const button = document.createElement("button");
          button.type = "button";
          button.textContent = sign;
          button.dataset.way = way;
          button.setAttribute("aria-label", `Move ${way < 0 ? "up" : "down"}: ${words}`);
          button.addEventListener("click", () => this.move(step, way));
          step.append(button);
        }
      }
      this.markEnds();
    }

    move(step, way) {
      if (way < 0) step.previousElementSibling?.before(step);
      else step.nextElementSibling?.after(step);
      this.markEnds();
      step.querySelector(`[data-way="${way}"]`).focus(); // it lost the focus when it moved
    }

    markEnds() {
      for (const step of this.steps.children) {
        step.querySelector("[data-way='-1']").setAttribute("aria-disabled", !step.previousElementSibling);
        step.querySelector("[data-way='1']").setAttribute("aria-disabled", !step.nextElementSibling);
      }
    }
  }

  const kept = () =>
    course.lasts ? "" : " <em>This browser keeps nothing for this site, so the answer lasts until you leave the page.</em>";

  /** Hold the reader's guess beside what the committed run found. */
  function compare(place) {
    const guess = course.store.guess(place.dataset.item);
    if (guess === undefined) return;
    place.closest("details.hide")?.setAttribute("open", ""); // the result needn't be hidden any longer
    const found = Number(place.dataset.found);
    const shown = Number(found.toPrecision(3));
    const { unit, factor, within } = place.dataset;
    const ratio = Math.max(guess / found, found / guess);
    const off = Math.abs(guess - found);
    const near = factor ? ratio <= Number(factor) : off <= Number(within);
    const by = factor ? `a factor of ${course.roughly(ratio)}` : course.shortly(Math.abs(guess - shown)); // rounded like what is shown
    const said = factor ? `That is within a factor of ${factor}.` : "That is near.";
    const how = near ? said : `Your guess was too ${guess > found ? "high" : "low"} by ${by}.`;
    place.querySelector(".course-said").textContent =
      `You guessed ${course.withUnit(guess, unit)}; this run found ${course.withUnit(shown, unit)}. ${how}`;
  }

  for (const form of document.querySelectorAll("form.course-question")) new Question(form);
  const places = document.querySelectorAll(".course-found");
  const compareAll = () => places.forEach(compare);
  document.addEventListener("course-changed", compareAll);
  compareAll();
})(window.course);
