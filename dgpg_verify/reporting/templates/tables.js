"use strict";
(() => {
  const MANY = 8;  // rows from which a table has a filter
  const plain = (cell) => (cell ? cell.textContent : "").replace(/[\u2009\u202f\u00a0]/g, "").trim();
  const value = (text) => {
    const found = /^[^\w.+-]*([-+]?\d*\.?\d+(?:e[-+]?\d+)?)( ?million)?/i.exec(text);
    return found ? parseFloat(found[1]) * (found[2] ? 1e6 : 1) : NaN;
  };
  const rank = (text) => (text === "" || text === "-" || text === "not measurable" ? 1 : 0);
  const compare = (a, b) => {
    const x = value(a), y = value(b);
    return isNaN(x) || isNaN(y) ? a.localeCompare(b, "en", {numeric: true}) : x - y;
  };
  // what moves as one: a row, or a body of rows where a table has several
  const units = (table) => [...(table.tBodies.length > 1 ? table.tBodies : table.tBodies[0].rows)];
  const line = (unit) => (unit.rows ? unit.rows[0] : unit);

  function unspan(table) {  // a label that spans its group goes into every row
    for (const body of table.tBodies) {
      for (const row of [...body.rows]) {
        [...row.cells].forEach((cell, column) => {
          const span = cell.rowSpan;
          cell.rowSpan = 1;
          for (let k = 1, next = row; k < span; k++) {
            next = next.nextElementSibling;
            next.insertBefore(cell.cloneNode(true), next.cells[column] || null);
          }
        });
      }
    }
  }

  function sort(table, head, column) {
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    unspan(table);
    const found = units(table).map((unit) => [unit, plain(line(unit).cells[column])]);
    found.sort((a, b) => rank(a[1]) - rank(b[1]) || (up ? 1 : -1) * compare(a[1], b[1]));
    for (const [unit] of found) unit.parentNode.append(unit);
  }

  function filter(table, words, count) {
    unspan(table);
    const wanted = words.toLowerCase().split(/\s+/);
    let shown = 0;
    const all = units(table);
    for (const unit of all) {
      const text = unit.textContent.toLowerCase();
      unit.hidden = !wanted.every((word) => text.includes(word));
      shown += !unit.hidden;
    }
    count.textContent = words.trim() ? `${shown} of ${all.length}` : "";
  }

  for (const table of document.querySelectorAll("table")) {
    const heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
    if (!heads.length || units(table).length < 2) continue;
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, column));
      head.append(button);
    });
    if (units(table).length < MANY || table.classList.contains("plain")) continue;
    const box = document.createElement("p"), input = document.createElement("input"), count = document.createElement("output");
    box.className = "filter";
    input.type = "search";
    input.placeholder = `filter ${units(table).length} rows`;
    input.setAttribute("aria-label", `Filter: ${table.caption ? table.caption.textContent : "table"}`);
    input.addEventListener("input", () => filter(table, input.value, count));
    box.append(input, count);
    table.parentNode.before(box);
  }

  function mark() {  // a box whose table is wider than it shows says so on a phone
    for (const box of document.querySelectorAll(".scroll:not(.sheet)")) {
      box.classList.toggle("wider", box.scrollWidth > box.clientWidth);
    }
  }
  addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true);
  mark();

  function open() {  // a jump to something folded away unfolds it
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", open);
  if (location.hash) open();
})();
