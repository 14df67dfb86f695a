'use strict';
const said = document.getElementById('said');

// Sorting: a button in each head; numbers by their own value, words as they stand.
const key = (row, column) => {
  const cell = row.cells[column];
  return 'v' in cell.dataset ? Number(cell.dataset.v) : cell.textContent.trim();
};
const order = (a, b) => {
  if (typeof a === 'number') return a - b;
  return a.localeCompare(b, 'en', { numeric: true });
};
const sort = (table, heads, column) => {
  const head = heads[column];
  const falls = head.ariaSort === 'ascending';
  for (const other of heads) other.removeAttribute('aria-sort');
  head.ariaSort = falls ? 'descending' : 'ascending';
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => {
    const [a, b] = [key(one, column), key(other, column)];
    // What has no value comes last, whichever way.
    if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
    return falls ? order(b, a) : order(a, b);
  });
  table.tBodies[0].append(...rows);
  said.textContent = `sorted by ${head.textContent}, ${head.ariaSort}`;
};
for (const table of document.querySelectorAll('.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    button.addEventListener('click', () => sort(table, heads, column));
    head.replaceChildren(button);
  });
}

// Pointing at a picture, or walking over it with the arrow keys, shows the numbers of that place.
const explore = (plot, rows, columns, names) => {
  const cursor = Object.assign(document.createElement('div'), { className: 'cursor', hidden: true });
  const tip = Object.assign(document.createElement('div'), { className: 'tip', hidden: true });
  plot.append(cursor, tip);
  plot.tabIndex = 0;
  let at = -1;
  const hide = () => { cursor.hidden = tip.hidden = true; at = -1; };
  const show = (next) => {
    at = Math.max(0, Math.min(rows.length - 1, next));
    const across = Number(rows[at].dataset.x);
    const parts = columns.map((column, i) => [names[i], rows[at].cells[column].textContent]).filter(([, text]) => text);
    tip.textContent = parts.map(([name, text]) => `${name} ${text}`).join(' · ');
    cursor.hidden = tip.hidden = false;
    cursor.style.left = `${across}%`;
    const half = tip.offsetWidth / 2, width = plot.clientWidth;
    tip.style.left = `${Math.max(half, Math.min(width - half, across / 100 * width))}px`;
  };
  plot.addEventListener('pointermove', (event) => {
    const across = (event.clientX - plot.getBoundingClientRect().left) / plot.clientWidth * 100;
    const far = (row) => Math.abs(Number(row.dataset.x) - across);
    show(rows.reduce((best, row, i) => (far(row) < far(rows[best]) ? i : best), 0));
  });
  plot.addEventListener('pointerleave', hide);
  plot.addEventListener('blur', hide);
  plot.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === 'Escape') hide();
    if (!step) return;
    event.preventDefault();
    show(at + step);
    said.textContent = tip.textContent;
  });
};
for (const plot of document.querySelectorAll('.plot')) {
  const common = plot.dataset.columns;
  const around = common ? plot.closest('.cell').querySelector('.common') : plot.parentElement;
  const table = around.querySelector('.numbers table');
  if (!table) continue;
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const columns = common ? [0, ...common.split(' ').map(Number)] : heads.map((_, column) => column);
  const names = columns.map((column) => heads[column]);
  explore(plot, [...table.tBodies[0].rows], columns, names);
}

// A link to a folded server and endpoint unfolds it.
const unfold = () => {
  const cell = location.hash && document.getElementById(location.hash.slice(1));
  if (cell instanceof HTMLDetailsElement) cell.open = true;
};
addEventListener('hashchange', unfold);
unfold();

// Finding a function among the calls: those whose title has the words are outlined and counted.
for (const flame of document.querySelectorAll('.flame')) {
  const search = flame.querySelector('.search');
  const calls = [...flame.querySelectorAll('svg svg')];
  search.hidden = false;
  search.querySelector('input').addEventListener('input', (event) => {
    const words = event.target.value.trim().toLowerCase();
    let found = 0;
    for (const call of calls) {
      const name = call.querySelector('text').textContent.toLowerCase();
      const has = words !== '' && name.includes(words);
      call.classList.toggle('found', has);
      found += has;
    }
    search.querySelector('output').textContent = words ? `${found} of ${calls.length} calls` : '';
  });
}

// Finding rows of a table; a slash goes there from anywhere.
for (const input of document.querySelectorAll('input[data-filter]')) {
  const rows = [...document.getElementById(input.dataset.filter).tBodies[0].rows];
  const search = input.closest('.search');
  search.hidden = false;
  input.addEventListener('input', () => {
    const words = input.value.toLowerCase().split(/\s+/);
    let found = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      found += !row.hidden;
    }
    search.querySelector('output').textContent = input.value ? `${found} of ${rows.length}` : '';
  });
  addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    input.focus();
  });
}

// Two dates beside each other: medians of the runs up to the end of each day.
const AROUND = 5, DAY = 86400;
const median = (values) => {
  const sorted = values.filter((it) => it !== null).sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : null;
};
const digits = (value, unit) => value === null ? '–' : `${Number(value.toPrecision(4))} ${unit === '1' || unit === 'count' ? '' : unit}`.trim();
for (const compare of document.querySelectorAll('.compare')) {
  const { times, series } = JSON.parse(compare.querySelector('script').textContent);
  const [from, to] = compare.querySelectorAll('input');
  const day = (time) => new Date(time * 1000).toISOString().slice(0, 10);
  for (const input of [from, to]) {
    input.min = day(times[0]);
    input.max = day(times[times.length - 1]);
    input.addEventListener('input', () => show());
  }
  [from.value, to.value] = [from.min, to.max];
  const at = (input, values) => {
    const end = Date.parse(input.value) / 1000 + DAY;
    const count = times.filter((time) => time < end).length;
    return median(values.slice(Math.max(0, count - AROUND), count));
  };
  const show = () => {
    const rows = series.map(({ metric, unit, values }) => {
      const [before, after] = [at(from, values), at(to, values)];
      const change = before ? `${((after / before - 1) * 100).toFixed(1)} %` : '–';
      const row = document.createElement('tr');
      for (const text of [metric, digits(before, unit), digits(after, unit), after === null ? '–' : change]) {
        row.insertCell().textContent = text;
      }
      return row;
    });
    compare.querySelector('tbody').replaceChildren(...rows);
  };
  compare.hidden = false;
  show();
}
