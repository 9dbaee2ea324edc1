(() => {
  "use strict";
  const value = (row, column) => {
    const raw = row.cells[column].dataset.value ?? row.cells[column].textContent;
    const number = Number(raw);
    return raw.trim() === "" || Number.isNaN(number) ? raw : number;
  };
  const order = (a, b) =>
    typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
  const sort = (table, column, down) => {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => [value(row, column), row]);
    rows.sort(([a], [b]) => (down ? order(b, a) : order(a, b)));
    body.append(...rows.map(([, row]) => row));
    Array.from(table.tHead.rows[0].cells).forEach((head, i) => {
      head.setAttribute("aria-sort", i !== column ? "none" : down ? "descending" : "ascending");
    });
  };
  // #sort=difference or #sort=difference-down: the order can be part of a link.
  const wanted = /^#sort=([a-z]+)(-down)?$/.exec(location.hash);
  for (const table of document.querySelectorAll("table.regkd-sortable:not([data-bound])")) {
    table.dataset.bound = "";
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        sort(table, column, head.getAttribute("aria-sort") === "ascending");
      });
      if (wanted && head.dataset.key === wanted[1]) sort(table, column, Boolean(wanted[2]));
    });
  }
})();
