"use strict";
// The tables, as html.rs describes them.
const { abis, releases, entries, calls: every, removed, absent } =
  JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 700px)");
// The default of a narrow screen.
const few = ["x86_64", "i386", "aarch64", "arm", "riscv64"];

const all = abis.map((_, column) => column);
const named = (names) => all.filter((column) => names.includes(abis[column].name));
const fewest = () => (named(few).length ? named(few) : all.slice(0, few.length));
const element = (tag, text = "", className = "") => {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};

// A cell of the data: 0, [number, entry, since] or [number, entry, since, compat, does not return,
// only in a header]; of a call that the tables do not have any more, [number, -1, since, -1, 0, 0,
// until].
const numberOf = (cell) => (cell ? cell[0] : null);
const entryOf = (cell, at = 1) => (cell && cell[at] >= 0 ? entries[cell[at]] : null);
// Where no call has an entry point, they are not known.
const hasEntries = all.map((column) => every.some(([, cells]) => entryOf(cells[column])));
const isGone = (cell, column) =>
  hasEntries[column] && !cell[5] && cell.length < 7 && !entryOf(cell, 3) &&
  [null, "sys_ni_syscall"].includes(entryOf(cell));
const hex = (number) => "0x" + number.toString(16);
// As the ABI's own programs would write it: where there is a base, one sees it.
const shown = (number, column) => (abis[column].base > 0xffff ? hex(number) : String(number));
// In the format of `export tsv`.
const sinceOf = ([, , first], column) => {
  const [release, follows] = releases[first];
  if (abis[column].older === first) return `Linux ${release} or earlier`;
  return follows ? `Linux ${release}` : `after Linux ${releases[first - 1][0]}, by ${release}`;
};
const untilOf = (last) => {
  const [next, follows] = releases[last + 1];
  return `Linux ${releases[last][0]}` + (follows ? "" : `, gone by ${next}`);
};
const reasons = new Map();
for (const { name, abis, why, instead } of absent) {
  for (const column of abis) reasons.set(`${name} ${column}`, { why, instead });
}
const reasonOf = (row, column) => reasons.get(`${calls[row][0]} ${column}`);

// ── What is shown: the query and the columns, which the address keeps after the `#`.

let query = "";
let chosen = null; // null: whatever suits the screen
let kernel = null; // the index of a release; null: whatever the tables have
let calls = every;

// The calls that a release is known to have.
function ofKernel() {
  if (kernel === null) return every;
  const has = (cell, column) =>
    cell && cell[2] <= kernel && (abis[column].last === null || kernel <= abis[column].last);
  const rows = new Map(every.map(([name, cells]) =>
    [name, cells.map((cell, column) => (has(cell, column) ? cell : 0))]));
  for (const [column, number, name, first, last] of removed) {
    if (kernel < first || (last !== null && last < kernel)) continue;
    if (!rows.has(name)) rows.set(name, abis.map(() => 0));
    rows.get(name)[column] ||= [number, -1, first, -1, 0, 0, last];
  }
  const there = [...rows].filter(([, cells]) => cells.some((cell) => cell));
  return there.sort(([a], [b]) => (a < b ? -1 : 1));
}

function columnsToShow() {
  const columns = chosen ?? (narrow.matches ? fewest() : all);
  const number = asNumber(query);
  if (number === null) return columns;
  // A number is found wherever it is.
  const hit = (column) => calls.some(([, cells]) => numberOf(cells[column]) === number);
  return all.filter((column) => columns.includes(column) || hit(column));
}

const asNumber = (text) => (/^(0x[0-9a-f]+|[0-9]+)$/i.test(text) ? Number(text) : null);

function found() {
  const number = asNumber(query);
  const rows = calls.map((_, row) => row);
  if (!query) return rows;
  if (number !== null) {
    return rows.filter((row) => calls[row][1].some((cell) => numberOf(cell) === number));
  }
  const text = query.replace(/^(__NR_|SYS_)/, "").toLowerCase();
  // An entry point is looked for only when it is spelled as one: every name is a part of some entry
  // point.
  const isEntry = /(^|_)sys_/.test(text);
  const has = (name) => name !== null && name.toLowerCase().includes(text);
  return rows.filter((row) => {
    const [name, cells] = calls[row];
    if (has(name)) return true;
    return isEntry && cells.some((cell) => has(entryOf(cell)) || has(entryOf(cell, 3)));
  });
}

function fromAddress() {
  const kept = new URLSearchParams(location.hash.slice(1));
  query = (kept.get("q") ?? "").trim();
  const columns = named((kept.get("abi") ?? "").split(","));
  chosen = columns.length || kept.get("abi") === "" ? columns : null;
  const release = releases.findIndex(([name]) => name === kept.get("linux"));
  setKernel(release < 0 ? null : release);
  if ($("query").value.trim() !== query) $("query").value = query;
}

function setKernel(release) {
  $("kernel").value = release ?? "";
  if (release === kernel) return;
  kernel = release;
  calls = ofKernel();
  columns = []; // made again
}

function toAddress() {
  const kept = [];
  if (query) kept.push("q=" + encodeURIComponent(query));
  if (kernel !== null) kept.push("linux=" + releases[kernel][0]);
  if (chosen) kept.push("abi=" + chosen.map((column) => abis[column].name).join(","));
  history.replaceState(null, "", "#" + kept.join("&"));
}

// ── The table. Rows are made once for a set of columns; a search only takes some out.

let columns = [];
let made = [];
let rows = [];

function makeColumns() {
  const head = element("td", "call");
  const width = (column) => {
    const digits = calls.map(([, cells]) =>
      cells[column] ? shown(cells[column][0], column).length : 0);
    return Math.max(2, ...digits);
  };
  const name = narrow.matches ? "min(46vw, 30ch)" : "calc(28ch + 1rem)";
  document.documentElement.style.setProperty("--name", `calc(${name})`);
  const sized = (size) => {
    const made = element("col");
    made.style.width = size;
    return made;
  };
  const widths = columns.map(width);
  const total = widths.reduce((sum, digits) => sum + digits, 0);
  const others = widths.map((digits) => sized(`calc(${digits}ch + .95rem)`));
  $("columns").replaceChildren(sized(`calc(${name})`), ...others);
  $("table").style.width = `calc(${name} + ${total}ch + ${widths.length * 0.95}rem)`;
  $("head").replaceChildren(head, ...columns.map((column) => {
    const made = element("th");
    made.scope = "col";
    made.append(element("span", abis[column].name));
    return made;
  }));
  made = [];
}

function makeRow(row) {
  const [name, cells] = calls[row];
  const made = element("tr");
  const head = element("th");
  head.scope = "row";
  // A long name may break after an underscore.
  name.split(/(?<=_)/).forEach((part, at) => {
    head.append(...(at ? [element("wbr"), part] : [part]));
  });
  made.append(head);
  const nothing = (column) => !cells[column] && !reasonOf(row, column)?.instead;
  if (columns.length && columns.every(nothing)) {
    // Nothing to show here; say where there is.
    const names = all.filter((column) => cells[column]).map((column) => abis[column].name);
    const elsewhere = element("td", "only " + names.join(", "), "elsewhere");
    elsewhere.colSpan = columns.length;
    made.append(elsewhere);
    return made;
  }
  for (const column of columns) {
    const cell = cells[column];
    const kind = cell && (isGone(cell, column) ? "gone" : cell[5] ? "header" : "");
    if (cell) made.append(element("td", shown(cell[0], column), kind));
    else if (reasonOf(row, column)) made.append(element("td", "–", "why"));
    else made.append(element("td"));
  }
  return made;
}

function show() {
  const wanted = columnsToShow();
  if (wanted.join() !== columns.join() || !$("head").children.length) {
    columns = wanted;
    makeColumns();
  }
  const number = asNumber(query);
  rows = found();
  for (const hit of $("body").querySelectorAll(".hit")) hit.classList.remove("hit");
  $("body").replaceChildren();
  $("scroller").scrollTop = 0;
  fill(0, number);
  if (number !== null) {
    // The leftmost hit is to be seen.
    $("scroller").scrollLeft = 0;
    const hits = [...$("body").querySelectorAll(".hit")].sort((a, b) => a.cellIndex - b.cellIndex);
    hits[0]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  $("nothing").hidden = rows.length > 0;
  $("nothing").textContent =
    number === null ? `No call has “${query}” in its name.`
    : `No ABI has a call with the number ${query}.`;
  const many = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
  $("count").textContent =
    number !== null ? `${many(rows.length, "call")} with the number ${query}`
    : query ? `${rows.length} of ${many(calls.length, "call")}`
    : many(calls.length, "call") + (kernel === null ? "" : ` of Linux ${releases[kernel][0]}`);
  $("shown").textContent = `${columns.length} of ${abis.length}`;
  for (const box of $("abis").querySelectorAll("input")) {
    box.checked = columns.includes(Number(box.value));
  }
  stopAt($("body").querySelector("th"));
}

// Puts the rows found into the table: at once those that a screen can show, the others between what
// the reader does.
let rest;
function fill(from, number) {
  clearTimeout(rest);
  const until = from + 100;
  $("body").append(...rows.slice(from, until).map((row) => {
    made[row] ??= makeRow(row);
    if (number !== null) {
      columns.forEach((column, at) => {
        if (numberOf(calls[row][1][column]) === number) {
          made[row].children[at + 1].classList.add("hit");
        }
      });
    }
    return made[row];
  }));
  const more = until < rows.length;
  $("table").setAttribute("aria-busy", more);
  if (more) rest = setTimeout(fill, 0, until, number);
}

// ── Details of a cell, a name or an ABI, which arrow keys reach as well as pointers do.

let stop = null; // the one element of the table that Tab stops at
let marked = null;

function stopAt(next) {
  stop?.removeAttribute("tabindex");
  stop = next;
  if (stop) stop.tabIndex = 0;
}

// What an element of the table is about; the head has no row, a name no column.
function place(cell) {
  const line = cell.parentElement;
  const named = cell.cellIndex === 0 || cell.className === "elsewhere";
  const row = line === $("head") ? null : rows[line.sectionRowIndex];
  return { row, column: named ? null : columns[cell.cellIndex - 1] };
}

function factsOf({ row, column }) {
  if (row === null && column === null) return null;
  if (row === null) {
    const { name, arch, bits, base, linux, source } = abis[column];
    const count = calls.filter(([, cells]) => cells[column]).length;
    const facts = [["names", String(count)], ["long and pointers", `${bits} bits`]];
    facts.push(["architecture", `arch/${arch}`]);
    if (base) facts.push(["base", `${hex(base)} (${base}), which the numbers here contain`]);
    return { topic: name, facts: [...facts, ["table", `${source}, Linux ${linux}`]] };
  }
  const [name, cells] = calls[row];
  if (column === null) {
    const byNumber = new Map();
    for (const at of all) {
      if (!cells[at]) continue;
      const number = shown(cells[at][0], at);
      byNumber.set(number, [...(byNumber.get(number) ?? []), abis[at].name]);
    }
    const facts = [...byNumber].map(([number, names]) => [number, names.join(", ")]);
    const without = all.filter((at) => !cells[at]).map((at) => abis[at].name);
    if (without.length) facts.push(["absent", without.join(", ")]);
    return { topic: name, facts };
  }
  const cell = cells[column];
  const topic = `${name} on ${abis[column].name}`;
  if (!cell) {
    const reason = reasonOf(row, column);
    const later = every.find(([other]) => other === name)?.[1][column];
    if (later) return { topic, facts: [["since", sinceOf(later, column)]] };
    if (!reason) return { topic, facts: [["absent", "the ABI has no such call"]] };
    const facts = [["absent", reason.why], ["use", reason.instead.replaceAll("`", "")]];
    return { topic, facts: facts.filter(([, text]) => text) };
  }
  const facts = [["number", `${cell[0]} (${hex(cell[0])})`]];
  if (isGone(cell, column)) {
    facts.push(["not implemented", "the number is only reserved; the kernel answers ENOSYS"]);
  }
  if (entryOf(cell)) facts.push(["entry", entryOf(cell)]);
  if (entryOf(cell, 3)) facts.push(["compat entry", entryOf(cell, 3)]);
  if (cell[2] >= 0) facts.push(["since", sinceOf(cell, column)]);
  const last = cell[6] ?? abis[column].last;
  if (last !== null) facts.push(["until", untilOf(last)]);
  if (cell[4]) facts.push(["returns", "never"]);
  if (cell[5]) {
    facts.push(["named by", "a header alone; the kernel's table does not have the name"]);
  }
  return { topic, facts };
}

function explain(cell) {
  const { topic, facts } = factsOf(place(cell)) ?? {};
  marked?.classList.remove("chosen");
  marked = topic ? cell : null;
  $("details").hidden = !topic;
  if (!topic) return;
  cell.classList.add("chosen");
  $("topic").textContent = topic;
  const pair = ([what, value]) => [element("dt", what), element("dd", value)];
  $("facts").replaceChildren(...facts.flatMap(pair));
}

function close() {
  marked?.classList.remove("chosen");
  marked = null;
  $("details").hidden = true;
}

// The neighbour of a cell that a key leads to.
function neighbour(cell, key) {
  const line = cell.parentElement;
  const lines = [$("head"), ...$("body").children];
  const page = 12;
  const at = lines.indexOf(line);
  const vertical = {
    ArrowUp: at - 1, ArrowDown: at + 1, PageUp: Math.max(1, at - page), PageDown: at + page,
  }[key];
  if (vertical !== undefined) {
    const there = lines[Math.min(Math.max(vertical, 0), lines.length - 1)].children;
    return there[Math.min(cell.cellIndex, there.length - 1)];
  }
  const last = line.children.length - 1;
  const horizontal = {
    ArrowLeft: cell.cellIndex - 1, ArrowRight: cell.cellIndex + 1, Home: 0, End: last,
  }[key];
  return horizontal === undefined ? null : line.children[Math.min(Math.max(horizontal, 0), last)];
}

const cellOf = (event) => event.target.closest("th, td");

$("table").addEventListener("click", (event) => {
  const cell = cellOf(event);
  if (!cell) return;
  stopAt(cell);
  cell.focus({ preventScroll: true });
  explain(cell);
});
$("table").addEventListener("keydown", (event) => {
  const cell = cellOf(event);
  if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Enter" || event.key === " ") {
    explain(cell);
  } else {
    const next = neighbour(cell, event.key);
    if (!next) return;
    stopAt(next);
    next.focus();
    if (!$("details").hidden) explain(next);
  }
  event.preventDefault();
});
// A tooltip has the same text; it is created on hover.
$("table").addEventListener("mouseover", (event) => {
  const cell = cellOf(event);
  if (!cell || cell.title) return;
  const { topic, facts } = factsOf(place(cell)) ?? {};
  if (topic) cell.title = [topic, ...facts.map(([what, value]) => `${what}: ${value}`)].join("\n");
});
$("close").addEventListener("click", () => {
  const back = marked;
  close();
  back?.focus();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    close();
    $("chooser").open = false;
  } else if (event.key === "/" && !event.target.closest("input")) {
    $("query").focus();
    event.preventDefault();
  }
});

// ── The search and the columns.

$("query").addEventListener("input", () => {
  query = $("query").value.trim();
  close();
  toAddress();
  show();
});
$("kernel").append(...[...releases.keys()].reverse().map((release) => {
  const made = element("option", releases[release][0]);
  made.value = release;
  return made;
}));
$("kernel").addEventListener("change", () => {
  const { value } = $("kernel");
  setKernel(value === "" ? null : Number(value));
  close();
  toAddress();
  show();
});
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
$("chooser").addEventListener("change", () => {
  const boxes = [...$("abis").querySelectorAll("input:checked")];
  choose(boxes.map((box) => Number(box.value)));
});
$("chooser").addEventListener("click", (event) => {
  const wanted = event.target.dataset.choose;
  if (wanted === "all") choose(all);
  else if (wanted === "few") choose(fewest());
  else if (wanted === "none") choose([]);
  else if (wanted) choose(all.filter((column) => String(abis[column].bits) === wanted));
});
addEventListener("click", (event) => {
  if (!event.target.closest("#chooser")) $("chooser").open = false;
});

function choose(columns) {
  chosen = columns;
  close();
  toAddress();
  show();
}

$("abis").append(...abis.map(({ name }, column) => {
  const label = element("label");
  const box = element("input");
  box.type = "checkbox";
  box.value = column;
  label.append(box, name);
  return label;
}));
const kernels = new Map();
for (const { name, linux } of abis) kernels.set(linux, [...(kernels.get(linux) ?? []), name]);
const [most, ...older] = [...kernels].sort(([, a], [, b]) => b.length - a.length);
$("about").textContent =
  `${abis.length} ABIs, Linux ${most[0]}` +
  older.map(([linux, names]) => `; ${names.join(", ")}: ${linux}`).join("");

addEventListener("hashchange", () => {
  fromAddress();
  show();
});
narrow.addEventListener("change", () => {
  columns = [];
  show();
});
fromAddress();
show();
