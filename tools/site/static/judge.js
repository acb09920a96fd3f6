"use strict";
// Judges an answer as course_utils/quiz/answers.py does; a test holds the two beside each other.

(function (course) {
  const AROUND = " .,;:!?'\"`()«»\u2018\u2019\u201c\u201d\u201e";
  const LONGEST = 200; // characters of a written answer
  const THOUSANDS = /^[+-]?[1-9]\d{0,2}(,\d{3})+(?![\d.,])/;
  const NUMBER = /^([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?)\s*(.*)$/i;

  const unclear = (sentence) => ({ right: null, feedback: [sentence] });
  const verdict = (right, ...feedback) => ({ right, feedback: feedback.filter(Boolean) });
  const escaped = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

  /** A number as text, with at most six digits. */
  course.shortly = (value) => String(Number(value.toPrecision(6)));

  /** A ratio as one says it: 1.7, 10, 2,000. */
  course.roughly = (ratio) => Number(ratio.toPrecision(2)).toLocaleString("en");

  course.withUnit = (value, unit) => course.shortly(value) + (["", "%", "×"].includes(unit) ? unit : " " + unit);

  /** A short answer as it is compared: lower case, single spaces, nothing around it. */
  course.plain = (text) => {
    const spaced = text.toLowerCase().replace(/\s+/g, " ");
    let start = 0;
    let end = spaced.length;
    while (start < end && AROUND.includes(spaced[start])) start++;
    while (end > start && AROUND.includes(spaced[end - 1])) end--;
    return spaced.slice(start, end);
  };

  /** {value} of a text with a number, with or without its unit; or {trouble}, a sentence. */
  course.readNumber = (text, item) => {
    const asked = `a number, like 12.5${item.unit ? " or " + course.withUnit(12.5, item.unit) : ""}`;
    const typed = text.trim().slice(0, LONGEST).replace("\u2212", "-");
    const thousands = THOUSANDS.exec(typed);
    if (thousands) {
      const [plainly, decimal] = ["", "."].map((sign) => thousands[0].replaceAll(",", sign));
      return { trouble: `Is that ${plainly} or ${decimal}? Write it without a comma.` };
    }
    const match = NUMBER.exec(typed);
    if (!match) return { trouble: `Write ${asked}.` };
    const named = match[2].trim().toLowerCase();
    if (named && !item.units.includes(named)) {
      return { trouble: item.unit ? `The unit should be ${item.unit}: write ${asked}.` : `No unit is needed: write ${asked}.` };
    }
    const value = Number(match[1].replace(",", "."));
    return Number.isFinite(value) ? { value } : { trouble: `That is no finite number: write ${asked}.` };
  };

  const judges = {
    "one choice": (item, answer) =>
      answer.length === 1
        ? verdict(item.key.includes(answer[0]), item.feedback[answer[0]])
        : unclear("Choose one answer first."),

    "several choices": (item, answer) => {
      if (!answer.length) return unclear("Choose every answer that is true; at least one is.");
      const chosen = item.shown.filter((index) => answer.includes(index));
      const told = (index) => `<strong>${String.fromCharCode(65 + item.shown.indexOf(index))}</strong> — ${item.feedback[index]}`;
      const wrong = chosen.filter((index) => !item.key.includes(index));
      const missed = item.key.filter((index) => !answer.includes(index)).length;
      if (!wrong.length && !missed) return verdict(true, ...chosen.map(told));
      const more = missed && `${missed} true answer${missed > 1 ? "s are" : " is"} still missing.`;
      return verdict(false, ...wrong.map(told), more);
    },

    number: (item, answer) => {
      const { value, trouble } = course.readNumber(answer, item);
      if (trouble) return unclear(escaped(trouble));
      if (Math.abs(value - item.answer) <= item.tolerance + 1e-9 * Math.abs(item.answer)) return verdict(true);
      const near = item.mistakes.find((one) => Math.abs(value - one.answer) <= one.tolerance + 1e-9 * Math.abs(value));
      if (near) return verdict(false, near.feedback);
      return verdict(false, `${course.withUnit(value, item.unit)} is too ${value > item.answer ? "high" : "low"}.`);
    },

    "short text": (item, answer) => {
      const given = course.plain(answer.slice(0, LONGEST));
      if (!given) return unclear("Write a word or two first.");
      if (item.accept.includes(given)) return verdict(true);
      const mistake = item.mistakes.find((one) => one.answers.includes(given));
      return verdict(false, mistake ? mistake.feedback : "That isn't it.");
    },

    order: (item, answer) => {
      const wrong = answer.findIndex((step, place) => step !== place);
      if (wrong < 0) return verdict(true);
      const fit =
        wrong > 1 ? `The first ${wrong} fit.` : wrong ? "The first one fits." : "The first one doesn't fit yet.";
      return verdict(false, fit, item.feedback[answer[wrong]]);
    },
  };

  /** {right, feedback}: right is null for what can't be judged, and is no try; feedback is a list of HTML sentences. */
  course.judge = (item, answer) => judges[item.kind](item, answer);
})(window.course);
