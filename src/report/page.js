/* The page's own script: sorting and filtering of the runs, and a switch for light and dark.
 * Everything is readable without it. */
(function () {
  'use strict';

  /* ---- sorting --------------------------------------------------------------------------- */

  function keyOf(row, column) {
    var cell = row.cells[column];
    var text = cell.dataset.v || cell.textContent.trim();
    var number = Number(text);
    return text === '-' || text === '' ? null : isNaN(number) ? text : number;
  }

  /* Missing values stand last in both directions, equal ones keep the order of the runs. */
  function compare(a, b, sign) {
    if (a.key === null || b.key === null) {
      return (a.key === null) - (b.key === null) || a.at - b.at;
    }
    var order = typeof a.key === 'number' && typeof b.key === 'number'
      ? a.key - b.key
      : String(a.key) < String(b.key) ? -1 : String(a.key) > String(b.key) ? 1 : 0;
    return sign * order || a.at - b.at;
  }

  function makeSortable(table) {
    var body = table.tBodies[0];
    var rows = Array.prototype.slice.call(body.rows);
    var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
    heads.forEach(function (head, column) {
      var button = document.createElement('button');
      button.type = 'button';
      button.textContent = head.textContent;
      head.textContent = '';
      head.appendChild(button);
      button.addEventListener('click', function () {
        var down = head.getAttribute('aria-sort') === 'ascending';
        var keyed = rows.map(function (row, at) {
          return { row: row, at: at, key: keyOf(row, column) };
        });
        keyed.sort(function (a, b) {
          return compare(a, b, down ? -1 : 1);
        });
        heads.forEach(function (other) {
          other.removeAttribute('aria-sort');
        });
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        var all = document.createDocumentFragment();
        keyed.forEach(function (item) {
          all.appendChild(item.row);
        });
        body.appendChild(all);
      });
    });
  }

  /* ---- filtering ------------------------------------------------------------------------- */

  function makeFilter(table, form) {
    var rows = Array.prototype.slice.call(table.tBodies[0].rows).map(function (row) {
      return {
        row: row,
        text: row.textContent.toLowerCase(),
        group: row.cells[1].textContent,
        outcome: row.className
      };
    });
    var count = document.getElementById('run-count');
    function apply() {
      var words = form.elements.text.value.toLowerCase().split(/\s+/);
      var group = form.elements.group.selectedIndex > 0 ? form.elements.group.value : null;
      var outcome = form.elements.outcome.value;
      var shown = 0;
      rows.forEach(function (item) {
        var keep = (group === null || item.group === group) &&
          (!outcome || item.outcome === outcome) &&
          words.every(function (word) {
            return item.text.indexOf(word) >= 0;
          });
        item.row.hidden = !keep;
        shown += keep;
      });
      count.textContent = shown + ' of ' + rows.length + ' runs';
    }
    form.addEventListener('input', apply);
    form.addEventListener('submit', function (event) {
      event.preventDefault();
    });
    form.hidden = false;
  }

  /* ---- light and dark -------------------------------------------------------------------- */

  function makeSwitch() {
    var root = document.documentElement;
    var button = document.createElement('button');
    var system = window.matchMedia('(prefers-color-scheme: dark)');
    function dark() {
      return root.dataset.theme ? root.dataset.theme === 'dark' : system.matches;
    }
    function label() {
      button.textContent = dark() ? 'Light' : 'Dark';
      button.setAttribute('aria-label', dark() ? 'Use light colours' : 'Use dark colours');
    }
    button.type = 'button';
    button.className = 'switch';
    button.addEventListener('click', function () {
      root.dataset.theme = dark() ? 'light' : 'dark';
      label();
    });
    system.addEventListener('change', label);
    label();
    document.querySelector('header.top').appendChild(button);
  }

  makeSwitch();
  makeFilter(document.getElementById('run-table'), document.getElementById('run-controls'));
  makeSortable(document.getElementById('run-table'));
})();
