#!/usr/bin/env python3
"""Opens a report in headless Chromium and looks at it as people would.

    browser.py PAGE.html [--png FOLDER]

Speaks the DevTools protocol over a pipe; Python's standard library only. Prints what is wrong, one
line each, and exits with 1; prints nothing wrong and exits with 0; exits with 77 without Chromium.
"""
import atexit
import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

# Contrast of every visible text against what is behind it (WCAG 2), in the page.
CONTRAST = r"""
(() => {
  const parse = c => {
    const m = c.match(/[\d.]+/g);
    return m ? [+m[0], +m[1], +m[2], m.length > 3 ? +m[3] : 1] : [0, 0, 0, 0];
  };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = c => {
    const [r, g, b] = c.slice(0, 3).map(v => {
      v /= 255;
      return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    });
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = node => {
    const layers = [];
    for (let n = node; n; n = n.parentElement) layers.push(parse(getComputedStyle(n).backgroundColor));
    const dark = getComputedStyle(document.documentElement).colorScheme === 'dark';
    return layers.reverse().reduce((under, top) => over(top, under), dark ? [18, 18, 18, 1] : [255, 255, 255, 1]);
  };
  // The shape that a drawing has under a text of its own, as a disc under a letter.
  const shape = text => {
    text.scrollIntoView({block: 'center', behavior: 'instant'});
    const box = text.getBoundingClientRect();
    const under = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2)
      .find(n => n instanceof SVGGeometryElement && getComputedStyle(n).fill !== 'none');
    if (!under) return null;
    const style = getComputedStyle(under), fill = parse(style.fill);
    return [...fill.slice(0, 3), fill[3] * style.fillOpacity * style.opacity];
  };
  const bad = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let t = walker.nextNode(); t; t = walker.nextNode()) {
    const e = t.parentElement, style = getComputedStyle(e);
    if (!t.textContent.trim() || ['SCRIPT', 'STYLE', 'title', 'desc'].includes(e.tagName) ||
        e.closest('[hidden], .skip') || style.visibility === 'hidden' ||
        e.getBoundingClientRect().width === 0) continue;
    const svg = e instanceof SVGElement;
    let color = parse(svg ? style.fill : style.color);
    let alpha = color[3] * (svg ? +style.fillOpacity : 1);
    for (let n = e; n; n = n.parentElement) alpha *= +getComputedStyle(n).opacity;
    const under = svg ? over(shape(e) || [0, 0, 0, 0], behind(e)) : behind(e), ink = over([...color.slice(0, 3), alpha], under);
    const [a, b] = [light(ink), light(under)].sort((x, y) => y - x);
    seen++;
    if ((a + .05) / (b + .05) < 4.5)
      bad.push(((a + .05) / (b + .05)).toFixed(2) + ' ' + e.tagName + '.' + (e.getAttribute('class') || '') +
        ' "' + t.textContent.trim().slice(0, 30) + '"');
  }
  return {seen, bad: bad.slice(0, 5)};
})()
"""

STRUCTURE = r"""
(() => {
  const wrong = [];
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach(id => wrong.push('two elements have the id ' + id));
  let level = 0;
  document.querySelectorAll('h1, h2, h3, h4').forEach(h => {
    if (+h.tagName[1] > level + 1) wrong.push('heading level is skipped before ' + h.textContent);
    level = +h.tagName[1];
  });
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
  if (!document.documentElement.lang) wrong.push('no lang');
  document.querySelectorAll('[role=img]').forEach(e => {
    const text = e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') || '').split(' ')
      .map(id => (document.getElementById(id) || {textContent: ''}).textContent).join('');
    if (!text.trim()) wrong.push('a drawing without a text');
  });
  document.querySelectorAll('input, select').forEach(e => {
    if (!e.closest('label')) wrong.push('a field without a label');
  });
  document.querySelectorAll('a[href^="#"]').forEach(a => {
    if (!document.getElementById(a.hash.slice(1))) wrong.push('a link to nowhere: ' + a.hash);
  });
  if (window.hacked) wrong.push('text of the store was run as a script');
  return wrong;
})()
"""

LAYOUT = r"""
(width => {
  const wrong = [];
  if (document.documentElement.scrollWidth > width)  /* not innerWidth: on a phone it grows with the page */
    wrong.push('the page is ' + document.documentElement.scrollWidth + ' px wide');
  document.querySelectorAll('svg').forEach(e => {
    const box = e.getBoundingClientRect();
    if (!e.closest('details:not([open])') && (box.width < 20 || box.height < 10))
      wrong.push('a drawing of ' + box.width + ' x ' + box.height);
  });
  document.querySelectorAll('figure').forEach(e => {
    const box = e.getBoundingClientRect();
    if (box.width < 100 || box.height < 50) wrong.push('a figure of ' + box.width + ' x ' + box.height);
    if (!e.querySelector('figcaption')) wrong.push('a figure without a caption');
  });
  return wrong;
})
"""

TABLE = r"""
(() => {
  const wrong = [], table = document.getElementById('run-table');
  const heads = [...table.tHead.rows[0].cells], rows = () => [...table.tBodies[0].rows];
  const all = rows().length, column = heads.findIndex(h => h.textContent === 'score');
  const button = heads[column].querySelector('button');
  if (!button) return ['no button in the head of a column'];
  const values = () => rows().map(r => r.cells[column].dataset.v).map(v => v === undefined ? null : +v);
  const ordered = (v, sign) => v.every((x, i) => i === 0 || x === null ||
    (v[i - 1] !== null && sign * (x - v[i - 1]) >= 0));
  button.click();
  if (!ordered(values(), 1)) wrong.push('scores do not ascend: ' + values());
  if (heads[column].getAttribute('aria-sort') !== 'ascending') wrong.push('no aria-sort');
  button.click();
  if (!ordered(values(), -1)) wrong.push('scores do not descend: ' + values());
  if (heads[column].getAttribute('aria-sort') !== 'descending') wrong.push('no aria-sort down');
  heads[0].querySelector('button').click();
  if (heads[column].hasAttribute('aria-sort')) wrong.push('two columns are sorted');
  if (!rows().every((r, i) => i === 0 || +r.cells[0].textContent > +rows()[i - 1].cells[0].textContent))
    wrong.push('runs are not in their order again');

  const form = document.getElementById('run-controls'), count = document.getElementById('run-count');
  const shown = () => rows().filter(r => r.getBoundingClientRect().height > 0);
  const set = (name, value) => {
    form.elements[name].value = value;
    form.elements[name].dispatchEvent(new Event('input', {bubbles: true}));
  };
  if (form.hidden) wrong.push('the filters are hidden');
  const failed = rows().filter(r => r.textContent.includes('failed')).length;
  set('outcome', 'failed');
  if (shown().length !== failed || !shown().every(r => r.className === 'failed'))
    wrong.push('the filter by outcome shows ' + shown().length + ' rows, not ' + failed);
  if (count.textContent !== failed + ' of ' + all + ' runs') wrong.push('the count says ' + count.textContent);
  set('outcome', '');
  form.elements.group.selectedIndex = 1;
  form.elements.group.dispatchEvent(new Event('input', {bubbles: true}));
  const group = form.elements.group.value;
  if (!shown().length || !shown().every(r => r.cells[1].textContent === group)) wrong.push('the filter by group');
  form.elements.group.selectedIndex = 0;
  const hash = rows()[0].cells[heads.length - 1].textContent;
  set('text', hash.toUpperCase());
  if (!shown().length || !shown().every(r => r.textContent.includes(hash))) wrong.push('the filter by text');
  set('text', 'no such thing');
  if (shown().length !== 0) wrong.push('a filter that nothing passes shows rows');
  set('text', '');
  if (shown().length !== all) wrong.push('rows are lost after filtering');
  return wrong;
})()
"""


class Browser:
    def __init__(self, program):
        to_child, self.write_end = os.pipe()
        self.read_end, from_child = os.pipe()
        self.folder = tempfile.mkdtemp()
        atexit.register(self.end)

        def ends():
            # First away from 3 and 4, which may be among them.
            low, high = os.dup2(to_child, 203), os.dup2(from_child, 204)
            os.dup2(low, 3)
            os.dup2(high, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--remote-debugging-pipe", "--hide-scrollbars",
             "--user-data-dir=" + self.folder],
            preexec_fn=ends, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_child)
        os.close(from_child)
        self.number, self.pending, self.events, self.session = 0, b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def message(self):
        while b"\0" not in self.pending:
            chunk = os.read(self.read_end, 1 << 20)
            if not chunk:
                sys.exit("the browser has ended")
            self.pending += chunk
        text, self.pending = self.pending.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.write_end, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(method + ": " + answer["error"]["message"])
                return answer["result"]
            self.events.append(answer)

    def open(self, address, width, scheme):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])
        before = len(self.events)
        self.call("Page.navigate", url=address)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events[before:]):
            self.events.append(self.message())

    def evaluate(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            sys.exit("the test's own script failed: " + json.dumps(answer["exceptionDetails"])[:400])
        return answer["result"].get("value")

    def close(self):
        self.session = None
        self.call("Browser.close")
        self.process.wait(60)

    def end(self):
        """Also after an error of the test: no browser and no folder stays behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def complaints(event, address):
    """What an event of the browser says against the page."""
    method, p = event.get("method"), event.get("params", {})
    if method == "Runtime.exceptionThrown":
        return ["exception: " + p["exceptionDetails"]["text"]]
    if method == "Runtime.consoleAPICalled":
        return ["console: " + json.dumps(p["args"])[:200]]
    if method == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
        return ["log: " + p["entry"]["text"]]
    if method == "Network.requestWillBeSent" and p["request"]["url"] not in (address, "about:blank"):
        return ["asks for " + p["request"]["url"][:120]]
    return []


def main():
    program = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
    if not program:
        print("no browser: nothing was looked at")
        return 77
    signal.alarm(600)  # a browser that hangs ends the test
    address = pathlib.Path(sys.argv[1]).resolve().as_uri()
    pictures = sys.argv[3] if len(sys.argv) > 3 else None
    browser, wrong, texts = Browser(program), [], 0
    for width in (1280, 375):
        for scheme in ("light", "dark"):
            browser.open(address, width, scheme)
            where = "%d px, %s: " % (width, scheme)
            found = browser.evaluate(STRUCTURE) + browser.evaluate("%s(%d)" % (LAYOUT, width))
            contrast = browser.evaluate(CONTRAST)
            texts = max(texts, contrast["seen"])
            found += ["contrast " + text for text in contrast["bad"]]
            found += browser.evaluate(TABLE)
            # Once more with everything unfolded.
            browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
            found += browser.evaluate("%s(%d)" % (LAYOUT, width))
            found += ["contrast " + text for text in browser.evaluate(CONTRAST)["bad"]]
            wrong += [where + text for text in found]
            if pictures:
                browser.open(address, width, scheme)
                size = browser.call("Page.getLayoutMetrics")["cssContentSize"]
                shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True,
                                    clip=dict(x=0, y=0, width=width, height=size["height"], scale=1))
                path = os.path.join(pictures, "%d-%s.png" % (width, scheme))
                with open(path, "wb") as file:
                    file.write(base64.b64decode(shot["data"]))
    # The switch turns what the system asks for.
    before = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    browser.evaluate("document.querySelector('.switch')?.click()")
    if browser.evaluate("getComputedStyle(document.body).backgroundColor") == before:
        wrong.append("the switch between light and dark does nothing")
    # Without script: all rows, and no dead controls.
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(address, 1280, "light")
    if not browser.evaluate("document.querySelectorAll('#run-table tbody tr').length"):
        wrong.append("without script there are no rows")
    if not browser.evaluate("document.getElementById('run-controls').hidden"):
        wrong.append("without script the filters are there")
    for event in browser.events:
        wrong += complaints(event, address)
    browser.close()
    if texts < 50:
        wrong.append("only %d texts were seen: the test looks at nothing" % texts)
    for line in dict.fromkeys(wrong):
        print(line)
    return 1 if wrong else 0


sys.exit(main())
