// Sorts tables by a click on a column's name, and filters their rows by a text.

const sorted = new Map(); // by the id of a table: the column, and 1 or -1
let wanted = '';

// prepare sorts and filters the tables of a document, the shown one or one just fetched.
export function prepare(root) {
  for (const table of root.querySelectorAll('table[id]')) {
    const sort = sorted.get(table.id);
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (!head.querySelector('button')) {
        const button = root.createElement('button');
        button.type = 'button';
        button.append(...head.childNodes);
        head.append(button);
      }
      if (sort?.column === column) {
        head.setAttribute('aria-sort', sort.direction > 0 ? 'ascending' : 'descending');
      } else {
        head.removeAttribute('aria-sort');
      }
    });
    const body = table.tBodies[0];
    const rows = [...body.rows];
    rows.forEach((row, i) => {
      row.dataset.order ??= i; // the server's
      row.hidden = wanted !== '' && !row.textContent.toLowerCase().includes(wanted);
    });
    const order = [...rows].sort((a, b) => (sort && compare(a, b, sort)) || a.dataset.order - b.dataset.order);
    if (order.some((row, i) => row !== rows[i])) {
      body.append(...order);
    }
  }
}

// filter shows only rows that contain a text, and returns how many of how many these are.
export function filter(root, text) {
  wanted = text.trim().toLowerCase();
  prepare(root);
  const rows = [...root.querySelectorAll('table[id] tbody tr')];
  return { shown: rows.filter((row) => !row.hidden).length, all: rows.length };
}

// sortBy sorts a table by the column of a button. A second click reverses the order, a third restores the server's.
export function sortBy(root, button) {
  const head = button.closest('th');
  const table = head.closest('table');
  const first = isNumeric(table, head.cellIndex) ? -1 : 1; // the most first
  const sort = sorted.get(table.id);
  if (sort?.column !== head.cellIndex) {
    sorted.set(table.id, { column: head.cellIndex, direction: first });
  } else if (sort.direction === first) {
    sorted.set(table.id, { column: head.cellIndex, direction: -first });
  } else {
    sorted.delete(table.id);
  }
  prepare(root);
}

function isNumeric(table, column) {
  return [...table.tBodies[0].rows].some((row) => !Number.isNaN(number(row.cells[column])));
}

// number returns the value of a cell, NaN if it is a text.
function number(cell) {
  return Number((cell.dataset.value ?? cell.textContent.trim()) || NaN);
}

// compare puts cells without a value last, whatever the direction.
function compare(rowA, rowB, { column, direction }) {
  const [cellA, cellB] = [rowA.cells[column], rowB.cells[column]];
  const [a, b] = [number(cellA), number(cellB)];
  if (Number.isNaN(a) && Number.isNaN(b)) {
    return direction * cellA.textContent.localeCompare(cellB.textContent);
  }
  if (Number.isNaN(a) || Number.isNaN(b)) {
    return Number.isNaN(a) ? 1 : -1;
  }
  return direction * (a - b);
}
