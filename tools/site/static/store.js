"use strict";
// What the reader has answered, kept in this browser alone, in the form of `course progress export`.

(function (course) {
  const NAME = "fine-tuning-course";
  const DAY = 24 * 60 * 60;
  const GAPS = [0, 1, 3, 7, 21]; // days until a missed item comes again, as in course_utils/quiz/progress.py
  const isSound = (kept) => kept && Array.isArray(kept.answers) && Array.isArray(kept.guesses);

  function read() {
    try {
      const kept = JSON.parse(localStorage.getItem(NAME));
      if (isSound(kept)) return { hints: [], ...kept };
    } catch {
      // damaged: begin anew
    }
    return { answers: [], guesses: [], hints: [] };
  }

  function write(kept) {
    try {
      localStorage.setItem(NAME, JSON.stringify(kept));
    } catch {
      course.lasts = false; // full
    }
    document.dispatchEvent(new Event("course-changed"));
  }

  const now = () => Date.now() / 1000;
  const midnight = (seconds) => new Date(seconds * 1000).setHours(0, 0, 0, 0) / 1000;

  course.store = {
    record(item, right, answer, hints) {
      const kept = read();
      kept.answers.push({ item, time: now(), right: right ? 1 : 0, answer: JSON.stringify(answer), hints });
      kept.hints = kept.hints.filter((one) => one.item !== item); // those seen since the last try
      write(kept);
    },

    noteGuess(item, guess) {
      const kept = read();
      kept.guesses = [...kept.guesses.filter((one) => one.item !== item), { item, time: now(), guess }];
      write(kept);
    },

    keepHints(item, seen) {
      const kept = read();
      kept.hints = [...kept.hints.filter((one) => one.item !== item), { item, seen }];
      write(kept);
    },

    /** How many hints were seen for the next try at an item, or for the last one if it was wrong. */
    hints(item) {
      const kept = read();
      const last = kept.answers.filter((one) => one.item === item).at(-1);
      return kept.hints.find((one) => one.item === item)?.seen ?? (last && !last.right ? last.hints : 0);
    },

    guess: (item) => read().guesses.find((one) => one.item === item)?.guess,

    /** The last try at an item, {right, answer}; undefined when there was none. */
    last(item) {
      const last = read().answers.filter((one) => one.item === item).at(-1);
      try {
        return last && { right: Boolean(last.right), answer: JSON.parse(last.answer) };
      } catch {
        return undefined; // cut off at its length
      }
    },

    /** By item: {tries, misses, right, first, from, to, due}; misses since the last right one; due is a time, or undefined when it need not come again. */
    standings() {
      const found = {};
      for (const { item, time, right } of read().answers) {
        const one = (found[item] ??= { tries: 0, first: Boolean(right), from: time, since: 0, misses: 0 });
        one.tries += 1;
        one.right = Boolean(right);
        one.since = right ? one.since + 1 : 0;
        one.misses = right ? 0 : one.misses + 1;
        one.missed ||= !right;
        one.to = time;
      }
      for (const one of Object.values(found)) {
        if (one.missed && one.since < GAPS.length) one.due = one.to + GAPS[one.since] * DAY;
      }
      return found;
    },

    isDue: (one, when = now()) => one?.due !== undefined && midnight(one.due) <= when,

    text() {
      const { answers, guesses, hints } = read();
      return JSON.stringify({ answers, guesses, hints }, null, 1);
    },

    /** Add the answers of a file; returns how many were new. Throws a sentence when it holds something else. */
    add(text) {
      let file;
      try {
        file = JSON.parse(text);
      } catch {
        file = null;
      }
      const fits = (one) => typeof one?.item === "string" && Number.isFinite(one?.time);
      if (!isSound(file) || ![...file.answers, ...file.guesses].every(fits)) {
        throw new Error("This file holds no answers: choose one that this page or `course progress export` wrote.");
      }
      const kept = read();
      const name = (one) => `${one.item} ${one.time}`;
      const known = new Set(kept.answers.map(name));
      const fresh = file.answers.filter((one) => !known.has(name(one)));
      const guessed = new Set(kept.guesses.map((one) => one.item));
      const hinted = new Set(kept.hints.map((one) => one.item));
      write({
        answers: [...kept.answers, ...fresh].sort((one, other) => one.time - other.time),
        guesses: [...kept.guesses, ...file.guesses.filter((one) => !guessed.has(one.item))],
        hints: [...kept.hints, ...(file.hints ?? []).filter((one) => !hinted.has(one.item))],
      });
      return fresh.length;
    },

    erase: () => write({ answers: [], guesses: [], hints: [] }),
  };
})(window.course);
