// The review page: what it shows comes from the server as text, and each mark goes there at once.
"use strict";

const SIZE = 12; // cards at a time
const LETTERS = "abcdepqtvwyz"; // of the rubric's lines: none of them does anything else
const csrf = document.querySelector("meta[name=csrf]").content;
const $ = (id) => document.getElementById(id);
const state = { item: null, cards: new Map(), ids: [], at: 0, first: 0, drafts: new Map(), typed: false, busy: false };

function made(tag, words, name) {
  const one = document.createElement(tag);
  if (words !== undefined) one.textContent = words;
  if (name) one.className = name;
  return one;
}

function say(words, trouble = false) {
  $("said").textContent = words;
  $("said").className = trouble ? "trouble" : "";
}

async function ask(path, asked = {}, content) {
  const about = new URLSearchParams();
  for (const [name, value] of Object.entries({ filter: $("filter").value, names: $("names").checked ? "1" : "", ...asked }))
    for (const one of [value].flat()) about.append(name, one);
  const how = content && {
    method: "POST",
    body: JSON.stringify(content),
    headers: { "Content-Type": "application/json", "X-Course-Review": csrf },
  };
  let answer;
  try {
    answer = await fetch(`/api/${path}?${about}`, how || {});
  } catch {
    throw Object.assign(new Error("The server doesn't answer: start it again in the terminal. Everything saved so far is kept."), { code: "gone" });
  }
  const found = await answer.json().catch(() => ({ error: `The server failed (${answer.status}): look at the terminal.` }));
  if (!answer.ok) throw Object.assign(new Error(found.error), { code: found.code });
  return found;
}

// Items and progress

function showItems({ items, gone, undo }) {
  state.items = items;
  const chosen = $("item").value;
  $("item").replaceChildren(
    ...items.map((one) => {
      const option = made("option", `${one.label} — ${one.waiting ? `${one.waiting} wait` : "all marked"}`);
      option.value = `${one.lesson} ${one.item}`;
      return option;
    }),
  );
  if (items.some((one) => `${one.lesson} ${one.item}` === chosen)) $("item").value = chosen;
  const lost = Object.entries(gone).map(([item, count]) => `${item} (${count})`);
  $("notice").hidden = !lost.length;
  $("notice").textContent =
    `Some answers are waiting, but their items are no longer in the item bank: ${lost.join(", ")}. Put the items back, ` +
    "or settle them for everybody with `course quiz decide`.";
  $("undo").disabled = !undo;
  const here = current();
  const [marked, total] = here ? [here.total - here.waiting, here.total] : [0, 0];
  $("bar").max = total || 1;
  $("bar").value = marked;
  const others = items.reduce((sum, one) => sum + one.waiting, 0);
  $("count").textContent = here ? `${marked} of ${total} marked` + (others > here.waiting ? `; ${others} wait in all` : "") : "Nothing to mark";
}

const current = () => state.items?.find((one) => `${one.lesson} ${one.item}` === $("item").value);

async function loadItems() {
  showItems(await ask("items"));
}

// Answers

async function loadItem(wanted) {
  state.cards.clear();
  state.drafts.clear();
  const here = current();
  if (!here) {
    state.ids = [];
    $("label").textContent = "Nothing waits for a person.";
    for (const id of ["question", "cards", "rubric", "reuse"]) $(id).replaceChildren();
    for (const id of ["solution-box", "marking", "pages"]) $(id).hidden = true;
    return;
  }
  $("marking").hidden = $("solution-box").hidden = false;
  const item = await ask("item", { lesson: here.lesson, item: here.item, grouped: $("grouped").checked ? "1" : "0" });
  state.item = item;
  state.ids = item.cards;
  document.title = `${item.label} — Review`;
  $("label").textContent = item.label;
  $("most").textContent = `of ${item.most}`;
  showTask(item);
  showRubric();
  showReuse();
  const at = state.ids.indexOf(wanted);
  await go(Math.max(at, 0), true);
  if (wanted && at < 0) say($("said").textContent);
}

function showTask(from) {
  // The author's words, which the server made of Markdown and escaped.
  if (from.question.html) $("question").innerHTML = from.question.html;
  if (from.solution.html) $("solution").innerHTML = from.solution.html;
}

async function go(at, focus = true) {
  state.at = Math.min(Math.max(at, 0), Math.max(state.ids.length - 1, 0));
  const first = state.at - (state.at % SIZE);
  const ids = state.ids.slice(first, first + SIZE);
  const missing = ids.filter((id) => !state.cards.has(id));
  if (missing.length) for (const card of await ask("cards", { card: missing })) state.cards.set(card.id, card);
  if (missing.length || first !== state.first || $("cards").childElementCount !== ids.length) {
    state.first = first;
    $("cards").replaceChildren(...ids.map((id, n) => drawn(state.cards.get(id), first + n)));
  }
  if (!ids.length) $("cards").replaceChildren(made("p", "No answers here: choose another item, or show other answers.", "empty"));
  $("pages").hidden = state.ids.length <= SIZE;
  $("range").textContent = `${first + 1}–${first + ids.length} of ${state.ids.length}`;
  $("earlier").disabled = first === 0;
  $("later").disabled = first + SIZE >= state.ids.length;
  showCurrent(focus);
}

const shown = () => state.cards.get(state.ids[state.at]);
const box = () => $("cards").children[state.at - state.first];

function about(card) {
  const many = card.count > 1 ? `${card.count} equal answers` : card.students[0].name;
  return many;
}

function drawn(card, n) {
  const one = made("article", undefined, card.waits ? "card" : "card marked");
  one.tabIndex = -1;
  one.dataset.at = n;
  const head = made("header");
  head.append(made("h3", about(card)));
  head.append(made("span", card.waits ? (card.points ? `waits; had ${card.points}` : "waits") : `${card.points || "marked"} of ${card.most}${card.by ? `, by ${card.by}` : ""}`, "state"));
  one.setAttribute("aria-label", `Answer ${n + 1} of ${state.ids.length}: ${about(card)}, ${head.lastChild.textContent}`);
  one.append(head);
  if (card.request) one.append(made("p", `Regrade request: ${card.request}`, "request"));
  if (card.answer) {
    const answer = made("pre", card.answer, card.code ? "answer" : "answer prose");
    answer.dir = "auto";
    one.append(answer);
  } else one.append(made("p", "No answer", "empty"));
  if (card.found) one.append(made("p", `Graded: ${card.found}`, "look"));
  if (card.remarks.length) one.append(made("p", `Remarks on the notebook: ${card.remarks.join(" ")}`, "look"));
  if (card.comment) one.append(made("p", `Comment: ${card.comment}`, "given"));
  if (card.count > 1) one.append(listed(card));
  return one;
}

function listed(card) {
  const list = made("p", undefined, "students empty");
  for (const [n, student] of card.students.entries()) {
    if (!student.notebook) list.append(n ? `, ${student.name}` : student.name);
    else {
      const button = made("button", student.name);
      button.type = "button";
      button.setAttribute("aria-label", `Notebook of ${student.name}`);
      button.addEventListener("click", (event) => { event.stopPropagation(); openNotebook(student); });
      list.append(button);
    }
  }
  if (card.count > card.students.length) list.append(` and ${card.count - card.students.length} more`);
  return list;
}

function showCurrent(focus) {
  const card = shown();
  for (const one of $("cards").children) {
    one.setAttribute("aria-current", String(one === box()));
    one.tabIndex = one === box() ? 0 : -1;
    for (const button of one.querySelectorAll("button")) button.tabIndex = one.tabIndex;
  }
  for (const id of ["points", "comment", "save", "skip"]) $(id).disabled = !card;
  $("notebook").hidden = !card?.students[0].notebook;
  $("who").textContent = card ? `${about(card)}${card.count > 1 ? `: one mark for all ${card.count}` : ""}` : "";
  if (!card) return;
  showTask(card);
  const draft = state.drafts.get(card.id) || { points: card.points, comment: card.comment, ticked: [] };
  $("points").value = draft.points;
  $("comment").value = draft.comment;
  for (const [n, tick] of ticks().entries()) tick.checked = draft.ticked.includes(n);
  state.typed = false;
  if (focus && !document.querySelector("dialog[open]")) {
    box().focus({ preventScroll: true });
    box().scrollIntoView({ block: "nearest" });
  }
}

function keep() {
  const ticked = ticks().flatMap((tick, n) => (tick.checked ? [n] : []));
  if (shown()) state.drafts.set(shown().id, { points: $("points").value, comment: $("comment").value, ticked });
}

function redraw(card) {
  state.cards.set(card.id, card);
  const at = state.ids.indexOf(card.id);
  const old = $("cards").children[at - state.first];
  if (at >= state.first && old) old.replaceWith(drawn(card, at));
}

// Marking

const ticks = () => [...$("rubric").querySelectorAll("input")];

function showRubric() {
  const legend = $("rubric").querySelector("legend");
  $("rubric").hidden = !state.item.rubric.length;
  $("rubric").replaceChildren(
    legend,
    ...state.item.rubric.map((line, n) => {
      const label = made("label");
      const tick = made("input");
      tick.type = "checkbox";
      tick.addEventListener("change", addUp);
      label.append(tick, made("kbd", LETTERS[n]), `${line.text} (${line.points})`);
      return label;
    }),
  );
}

function addUp() {
  const ticked = state.item.rubric.filter((_, n) => ticks()[n].checked);
  $("points").value = ticked.length ? String(+ticked.reduce((sum, line) => sum + line.points, 0).toFixed(6)) : "";
  state.typed = false;
  keep();
}

function showReuse() {
  $("reuse").hidden = !state.item.comments.length;
  $("reuse").replaceChildren(
    ...state.item.comments.map((comment, n) => {
      const button = made("button", undefined);
      button.type = "button";
      button.append(made("kbd", String(n + 1)), ` ${comment}`);
      button.title = comment;
      button.addEventListener("click", () => reuse(comment));
      return button;
    }),
  );
}

function reuse(comment) {
  const field = $("comment");
  if (!field.value.includes(comment)) field.value = [field.value.trim(), comment].filter(Boolean).join("\n");
  keep();
  say(`Comment: ${field.value}`);
  box().focus();
}

function digit(key) {
  const field = $("points");
  const most = state.item.most;
  const longer = state.typed && Number(field.value + key) <= most ? field.value + key : key;
  if (Number(longer) > most) return say(`${state.item.label.split(" — ")[0]} gives at most ${most} points.`, true);
  field.value = longer;
  state.typed = true;
  for (const tick of ticks()) tick.checked = false;
  keep();
  say(`${longer} of ${most} points; press Enter to save.`);
}

function half() {
  const now = Number($("points").value || 0);
  const next = Number.isInteger(now) ? now + 0.5 : Math.floor(now);
  if (!(next <= state.item.most)) return say(`At most ${state.item.most} points.`, true);
  $("points").value = String(next);
  state.typed = false;
  keep();
  say(`${next} of ${state.item.most} points; press Enter to save.`);
}

async function save() {
  const card = shown();
  if (!card) return;
  const sent = { card: card.id, version: card.version, points: $("points").value, comment: $("comment").value };
  try {
    const done = await ask("mark", {}, sent);
    state.drafts.delete(card.id);
    redraw(done.card);
    const comment = sent.comment.trim();
    if (comment && !state.item.comments.includes(comment)) {
      state.item.comments = [...state.item.comments, comment].slice(-9);
      showReuse();
    }
    showItems(done.items);
    await onward(done.said);
  } catch (error) {
    say(error.code === "gone" ? `Not saved. ${error.message}` : error.message, true);
    if (error.code === "grading.overtaken") await again(card);
  }
}

async function again(card) {
  // Somebody else was faster: show theirs, keep what was written here, and let Enter decide.
  keep();
  const said = $("said").textContent;
  if (card.count > 1) {
    showItems(await ask("items"));
    await loadItem();
    return say(`${said} The answers that are already marked now have a card of their own.`, true);
  }
  const [fresh] = await ask("cards", { card: card.id });
  redraw(fresh);
  showItems(await ask("items"));
  showCurrent(true);
  say(`${said} Press Enter to replace it with yours.`, true);
}

async function onward(told) {
  const after = [...state.ids.keys()].slice(state.at + 1).concat([...state.ids.keys()].slice(0, state.at));
  const known = (n) => state.cards.get(state.ids[n]);
  const next = after.find((n) => !known(n) || known(n).waits);
  if (next !== undefined) {
    await go(next);
    return say(told);
  }
  const items = state.items.filter((one) => one.waiting && one !== current());
  if ($("filter").value === "marked" || $("filter").value === "all" || !items.length) {
    await go(Math.min(state.at + (told.startsWith("Saved") ? 1 : 0), state.ids.length - 1));
    return say(items.length || current()?.waiting ? told : `${told} That was the last one.`);
  }
  const place = state.items.indexOf(current());
  const one = state.items.slice(place + 1).find((item) => item.waiting) || items[0];
  $("item").value = `${one.lesson} ${one.item}`;
  showItems({ ...(await ask("items")) });
  await loadItem();
  say(`${told} On to ${one.label}.`);
}

async function skip() {
  keep();
  await onward("Skipped: this answer is still waiting.");
}

async function undo() {
  if ($("undo").disabled) return say("There is nothing to undo.");
  const done = await ask("undo", {}, {});
  showItems(done.items);
  const here = `${done.lesson} ${done.item}`;
  if ($("item").value === here && state.ids.includes(done.card)) {
    const [card] = await ask("cards", { card: done.card });
    redraw(card);
    state.drafts.delete(card.id);
    await go(state.ids.indexOf(done.card));
  } else {
    $("item").value = here;
    showItems(done.items);
    await loadItem(done.card);
  }
  say(done.said);
}

function openNotebook(student = shown()?.students[0]) {
  if (!student?.notebook) return;
  $("whole-label").textContent = `The whole notebook: ${student.name}`;
  $("frame").src = `/notebook/${student.notebook}`;
  $("whole").showModal();
}

// Keys

const KEYS = {
  ArrowDown: () => go(state.at + 1), ArrowRight: () => go(state.at + 1), j: () => go(state.at + 1),
  ArrowUp: () => go(state.at - 1), ArrowLeft: () => go(state.at - 1), k: () => go(state.at - 1),
  Enter: saveOnce, s: skip, u: undo, o: () => openNotebook(), ".": half, ",": half,
  Backspace: () => { $("points").value = ""; for (const tick of ticks()) tick.checked = false; keep(); say("No points."); },
  m: () => $("comment").focus(), r: () => $("reuse").querySelector("button")?.focus(),
  x: () => { $("solution-box").open = !$("solution-box").open; },
  i: () => $("item").focus(), f: () => $("filter").focus(), g: () => $("grouped").click(), n: () => $("names").click(),
  "?": () => $("help").showModal(),
};

// One after another: what is pressed while something loads acts on what is there once it has loaded.
let last = Promise.resolve();
const guarded = (work) => (last = last.then(work).catch((error) => say(error.message, true)));

function saveOnce() {
  if (state.busy) return; // a second Enter, before the first mark is kept
  state.busy = true;
  guarded(save).then(() => { state.busy = false; });
}

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  const field = event.target.closest("textarea, select, input[type=text]");
  const back = event.key === "Escape" && event.target !== box();
  if (back || (field && event.key === "Enter" && (event.ctrlKey || event.metaKey))) {
    event.preventDefault();
    keep();
    if (back) guarded(() => box()?.focus());
    else saveOnce();
    return;
  }
  if (field || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const pressed = event.key === "Enter" || event.key === " ";
  if (pressed && event.target.closest("button, summary, input, a")) return; // these do what they say
  if (!$("single").checked && event.key.length === 1) return;
  const inReuse = event.target.closest("#reuse");
  const line = LETTERS.indexOf(event.key);
  let work = KEYS[event.key];
  if (/^[0-9]$/.test(event.key)) work = inReuse ? () => inReuse.children[event.key - 1]?.click() : () => digit(event.key);
  else if (line >= 0 && ticks()[line]) work = () => ticks()[line].click();
  if (!work) return;
  event.preventDefault();
  if (/^Arrow|^[jk]$/.test(event.key)) { keep(); say(""); }
  if (work === saveOnce) saveOnce();
  else guarded(work);
});

$("cards").addEventListener("click", (event) => {
  const one = event.target.closest(".card");
  if (one && !getSelection().toString()) { keep(); guarded(() => go(Number(one.dataset.at))); }
});
$("marking").addEventListener("submit", (event) => { event.preventDefault(); saveOnce(); });
for (const id of ["points", "comment"]) $(id).addEventListener("input", keep);
for (const [id, work] of Object.entries({ skip, undo, notebook: () => openNotebook() })) $(id).addEventListener("click", () => guarded(work));
$("earlier").addEventListener("click", () => guarded(() => go(state.first - SIZE)));
$("later").addEventListener("click", () => guarded(() => go(state.first + SIZE)));
$("item").addEventListener("change", () => guarded(async () => { await loadItems(); await loadItem(); $("item").focus(); }));
$("filter").addEventListener("change", () => guarded(async () => { await begin(); $("filter").focus(); }));
$("grouped").addEventListener("change", () => guarded(() => loadItem()));
$("names").addEventListener("change", () => guarded(async () => { const at = state.at; state.cards.clear(); $("cards").replaceChildren(); await go(at); }));
$("help-button").addEventListener("click", () => $("help").showModal());
for (const id of ["help", "whole"]) {
  $(`close-${id}`).addEventListener("click", () => $(id).close());
  $(id).addEventListener("close", () => { if (id === "whole") $("frame").src = "about:blank"; box()?.focus(); });
}

async function begin() {
  // The first item that the filter shows something of, unless the chosen one does.
  await loadItems();
  if (!current()?.shown) {
    const one = state.items.find((item) => item.shown) || state.items[0];
    if (one) $("item").value = `${one.lesson} ${one.item}`;
    showItems(await ask("items"));
  }
  await loadItem();
}

guarded(begin);
