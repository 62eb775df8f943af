"use strict";
(async () => {
  if (typeof DecompressionStream !== "function") {
    document.getElementById("main").textContent = "This page needs a newer browser: Chrome or Edge 80, Firefox 113, Safari 16.4, or later.";
    return;
  }
  const packed = Uint8Array.from(atob(document.getElementById("data").textContent), (letter) => letter.charCodeAt(0));
  const data = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  const pages = data.pages;
  const KINDS = [
    ["model", "Models"], ["source", "Sources"], ["seed", "Seeds"], ["snapshot", "Snapshots"],
    ["semantic_model", "Semantic models"], ["metric", "Metrics"], ["saved_query", "Saved queries"],
    ["exposure", "Exposures"], ["analysis", "Analyses"], ["function", "Functions"], ["macro", "Macros"],
  ];
  const byId = new Map();
  pages.forEach((page, at) => {
    page.at = at;
    page.type = page.id.slice(0, page.id.indexOf("."));
    page.up = page.up || [];
    page.down = [];
    byId.set(page.id, page);
  });
  for (const page of pages) for (const at of page.up) pages[at].down.push(page.at);

  // Elements are made with text, never from HTML, so that no description can become a program.
  const SVG = "http://www.w3.org/2000/svg";
  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
    return element;
  };
  const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
  const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
  const $ = (id) => document.getElementById(id);
  const href = (page) => `#!/${page.type}/${encodeURIComponent(page.id)}`;
  const link = (page) => el("a", { href: href(page), class: `t-${page.type}` }, el("span", { class: "dot" }), page.n);
  const kindOf = (page) => page.type.replace("_", " ");
  const byName = (a, b) => (a.n < b.n ? -1 : a.n > b.n ? 1 : 0);

  // Markdown: paragraphs, headings, lists, quotes, tables, code, emphasis, links.
  const safe = (url) => /^(https?:|mailto:|#|\/|\.)/i.test(url) || !/^[^/]*:/.test(url);
  const INLINE = [
    [/^`([^`]+)`/, (m) => el("code", {}, m[1])],
    [/^\*\*(.+?)\*\*(?!\*)/, (m) => el("strong", {}, inline(m[1]))],
    [/^__(.+?)__/, (m) => el("strong", {}, inline(m[1]))],
    [/^\*([^*\s][^*]*)\*/, (m) => el("em", {}, inline(m[1]))],
    [/^_([^_\s][^_]*)_(?!\w)/, (m) => el("em", {}, inline(m[1]))],
    // Images of the project's asset folders; a picture from elsewhere would tell its owner who reads the page.
    [/^!\[([^\]]*)\]\(((?:[^()\s]|\([^()\s]*\))+)[^)]*\)/, (m) => (!safe(m[2]) ? m[1] : /^(\/|[a-z]+:)/i.test(m[2]) ? el("a", { href: m[2], rel: "noopener noreferrer" }, m[1] || m[2])
      : el("img", { src: m[2], alt: m[1], loading: "lazy" }))],
    [/^\[([^\]]+)\]\(((?:[^()\s]|\([^()\s]*\))+)[^)]*\)/, (m) => (safe(m[2]) ? el("a", { href: m[2], rel: "noopener noreferrer" }, inline(m[1])) : m[1])],
    [/^<?(https?:\/\/[^\s<>)]+)>?/, (m) => el("a", { href: m[1], rel: "noopener noreferrer" }, m[1])],
    [/^\\([\\`*_{}[\]()#+.!|-])/, (m) => m[1]],
    [/^ {2,}\n/, () => el("br")],
  ];
  function inline(text) {
    const out = [];
    let plain = "";
    for (let at = 0; at < text.length; ) {
      // Inside of a word `_` and `h` begin nothing.
      const inWord = at > 0 && /\w/.test(text[at - 1]) && /[\w]/.test(text[at]);
      const rest = text.slice(at);
      let found = null;
      if (!inWord && /[`*_![<h\\ ]/.test(text[at])) {
        for (const [pattern, make] of INLINE) {
          const match = pattern.exec(rest);
          if (match) { found = [match[0].length, make(match)]; break; }
        }
      }
      if (found) { out.push(plain, found[1]); plain = ""; at += found[0]; } else plain += text[at++];
    }
    return [...out, plain];
  }
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  function markdown(text) {
    const lines = (text || "").replace(/\r/g, "").split("\n");
    const out = [];
    const starts = (line) => /^(#{1,6} |```|\s*([-*+]|\d+[.)]) |> ?)/.test(line);
    for (let at = 0; at < lines.length; ) {
      const line = lines[at];
      let match;
      if (!line.trim()) { at++; continue; }
      if (/^\s*```/.test(line)) {
        const code = [];
        for (at++; at < lines.length && !/^\s*```/.test(lines[at]); at++) code.push(lines[at]);
        at++;
        out.push(el("pre", {}, el("code", {}, code.join("\n"))));
      } else if ((match = /^(#{1,6}) +(.*?)#*$/.exec(line))) {
        out.push(el(match[1].length < 3 ? "h3" : "h4", {}, inline(match[2])));
        at++;
      } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
        out.push(el("hr"));
        at++;
      } else if ((match = /^\s*([-*+]|\d+[.)]) /.exec(line))) {
        const items = [];
        for (; at < lines.length && lines[at].trim(); at++) {
          const item = /^\s*([-*+]|\d+[.)]) +(.*)/.exec(lines[at]);
          if (item) items.push(item[2]); else items[items.length - 1] += "\n" + lines[at].trim();
        }
        out.push(el(/\d/.test(match[1]) ? "ol" : "ul", {}, items.map((item) => el("li", {}, inline(item)))));
      } else if (/^> ?/.test(line)) {
        const quoted = [];
        for (; at < lines.length && /^> ?/.test(lines[at]); at++) quoted.push(lines[at].replace(/^> ?/, ""));
        out.push(el("blockquote", {}, markdown(quoted.join("\n"))));
      } else if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] || "") && (lines[at + 1] || "").includes("-")) {
        const head = cells(line);
        const rows = [];
        for (at += 2; at < lines.length && lines[at].includes("|"); at++) rows.push(cells(lines[at]));
        out.push(el("table", {}, el("tr", {}, head.map((cell) => el("th", {}, inline(cell)))),
          rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, inline(cell)))))));
      } else {
        const words = [line];
        for (at++; at < lines.length && lines[at].trim() && !starts(lines[at]); at++) words.push(lines[at]);
        out.push(el("p", {}, inline(words.join("\n"))));
      }
    }
    return out;
  }

  // SQL with Jinja, coloured word by word.
  const WORDS = new Set(("select from where group by order having join left right inner outer full cross on as with union all " +
    "distinct case when then else end and or not in is null like between exists over partition limit offset insert into " +
    "update delete create table view asc desc using values true false interval cast qualify recursive rows preceding").split(" "));
  const TOKEN = /(\{#[\s\S]*?#\}|\/\*[\s\S]*?\*\/|--[^\n]*)|(\{\{(?:"[^"]*"|'[^']*'|[^"'}]|\}(?!\}))*\}\}|\{%[\s\S]*?%\})|('(?:[^'\\]|''|\\.)*')|([A-Za-z_]\w*)/g;
  function colored(code) {
    const out = [];
    let last = 0;
    for (const match of code.matchAll(TOKEN)) {
      const kind = match[1] ? "c" : match[2] ? "j" : match[3] ? "s" : WORDS.has(match[4].toLowerCase()) ? "k" : "";
      if (!kind) continue;
      out.push(code.slice(last, match.index), el("span", { class: kind }, match[0]));
      last = match.index + match[0].length;
    }
    return [...out, code.slice(last)];
  }

  function codeSection(page) {
    if (!page.raw) return null;
    const views = [["Source", page.raw]];
    // A number is a line of the source.
    const lines = page.raw.split("\n");
    if (page.sql) views.push(["Compiled", page.sql.map((line) => (typeof line === "number" ? lines[line] : line)).join("\n")]);
    const block = el("code");
    let shown = page.raw;
    const show = (text, button) => {
      shown = text;
      block.replaceChildren(...colored(text.replace(/^\s*\n/, "").trimEnd()));
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    };
    const buttons = views.map(([name, text]) => el("button", { type: "button", click: (event) => show(text, event.currentTarget) }, name));
    const copy = el("button", { type: "button", class: "right", click: () => {
      const done = () => { copy.textContent = "Copied"; setTimeout(() => { copy.textContent = "Copy"; }, 1500); };
      if (navigator.clipboard) navigator.clipboard.writeText(shown).then(done, () => {});
    } }, "Copy");
    show(page.raw, buttons[0]);
    return [el("h2", { id: "code" }, "Code"), el("div", { class: "bar" }, buttons, copy), el("pre", { tabindex: 0 }, block)];
  }

  // Lineage: ancestors left of the chosen page, descendants right of it, by their longest way.
  const MOST = 150;
  function reach(start, next, limit) {
    const levels = new Map([[start, 0]]);
    const order = [];
    const seen = new Set([start]);
    for (let edge = [start], depth = 0; edge.length && depth < limit; depth++) {
      const further = [];
      for (const at of edge) for (const other of pages[at][next]) {
        if (seen.has(other) || seen.size > MOST) continue;
        seen.add(other);
        further.push(other);
      }
      edge = further;
      order.push(...further);
    }
    const back = next === "up" ? "down" : "up";
    // Macros may call themselves, so the way here is remembered.
    const walk = (at, path) => {
      if (levels.has(at)) return levels.get(at);
      let level = 1;
      for (const other of pages[at][back]) {
        if (seen.has(other) && !path.has(other)) level = Math.max(level, walk(other, new Set(path).add(other)) + 1);
      }
      levels.set(at, level);
      return level;
    };
    for (const at of order) walk(at, new Set([at]));
    return levels;
  }
  // Round ends: what is computed by a semantic layer. Corners: what is called.
  const ENDS = { semantic_model: 14, metric: 14, saved_query: 14, function: 0 };
  function graph(page, depth) {
    const place = new Map();
    for (const [at, level] of reach(page.at, "up", depth)) place.set(at, -level);
    for (const [at, level] of reach(page.at, "down", depth)) if (level) place.set(at, level);
    const columns = new Map();
    for (const [at, level] of place) {
      if (!columns.has(level)) columns.set(level, []);
      columns.get(level).push(at);
    }
    const levels = [...columns.keys()].sort((a, b) => a - b);
    const WIDTH = 190, HEIGHT = 28, ACROSS = 60, DOWN = 12;
    const tallest = Math.max(...levels.map((level) => columns.get(level).length));
    const height = tallest * (HEIGHT + DOWN) + DOWN;
    const spot = new Map();
    // From the chosen page outwards, everything next to what it is linked with.
    for (const level of [...levels].sort((a, b) => Math.abs(a) - Math.abs(b))) {
      const members = columns.get(level);
      const center = (at) => {
        const near = pages[at].up.concat(pages[at].down).map((other) => spot.get(other)).filter(Boolean);
        return near.length ? near.reduce((sum, [, y]) => sum + y, 0) / near.length : height / 2;
      };
      const centers = new Map(members.map((at) => [at, center(at)]));
      members.sort((a, b) => centers.get(a) - centers.get(b) || byName(pages[a], pages[b]));
      const top = (height - members.length * (HEIGHT + DOWN) + DOWN) / 2;
      members.forEach((at, row) => spot.set(at, [levels.indexOf(level) * (WIDTH + ACROSS) + DOWN, top + row * (HEIGHT + DOWN)]));
    }
    const edges = [];
    for (const at of place.keys()) for (const from of pages[at].up) {
      if (!spot.has(from)) continue;
      const [x1, y1] = spot.get(from), [x2, y2] = spot.get(at);
      const a = x1 + WIDTH, b = y1 + HEIGHT / 2, c = x2, d = y2 + HEIGHT / 2, m = Math.max(30, (c - a) / 2);
      edges.push(svg("path", { d: `M${a} ${b}C${a + m} ${b} ${c - m} ${d} ${c} ${d}` }));
    }
    const short = (name) => (name.length > 26 ? name.slice(0, 25) + "…" : name);
    const nodes = [...place.keys()].map((at) => {
      const other = pages[at], [x, y] = spot.get(at);
      const style = other.color ? `--c:${other.color}` : null;
      return svg("a", { href: href(other), class: `t-${other.type}${at === page.at ? " chosen" : ""}`, style },
        svg("title", {}, `${kindOf(other)} ${other.n}`),
        svg("rect", { x, y, width: WIDTH, height: HEIGHT, rx: ENDS[other.type] ?? 6 }),
        svg("text", { x: x + 10, y: y + 18 }, short(other.n)));
    });
    const width = levels.length * (WIDTH + ACROSS) - ACROSS + 2 * DOWN;
    return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Lineage of ${page.n}` }, edges, nodes);
  }
  function lineage(page) {
    if (!page.up.length && !page.down.length) return null;
    const box = el("div", { class: "graph", tabindex: 0 });
    const choices = [["Neighbours", 1], ["All", 99]];
    const draw = (depth, button) => {
      box.replaceChildren(graph(page, depth));
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      const chosen = box.querySelector(".chosen rect");
      box.scrollLeft = Number(chosen.getAttribute("x")) - box.clientWidth / 2 + 95;
      box.scrollTop = Number(chosen.getAttribute("y")) - box.clientHeight / 2;
    };
    const buttons = choices.map(([name, depth]) => el("button", { type: "button", click: (event) => draw(depth, event.currentTarget) }, name));
    const section = [el("h2", { id: "lineage" }, "Lineage"), el("div", { class: "bar" }, buttons), box];
    requestAnimationFrame(() => draw(99, buttons[1]));
    return section;
  }

  // Pages.
  const size = (bytes) => {
    const units = ["B", "KB", "MB", "GB", "TB"];
    let at = 0;
    for (; bytes >= 1024 && at < 4; at++) bytes /= 1024;
    return `${bytes.toFixed(at && bytes < 10 ? 1 : 0)} ${units[at]}`;
  };
  const ownerOf = (text) => {
    const match = /^(.*?)\s*<([^<>@\s]+@[^<>\s]+)>$/.exec(text) || (/^[^@\s]+@[^@\s]+$/.test(text) && [text, text, text]);
    return match ? el("a", { href: `mailto:${match[2]}` }, match[1]) : text;
  };
  function facts(page) {
    const [kind, rows, bytes] = page.db || [];
    const list = [
      ["Label", page.label], [/^(exposure|metric|function)$/.test(page.type) ? "Type" : "Materialized", page.mat], ["Relation", page.rel && el("code", {}, page.rel)],
      ["In the database", kind && kind.toLowerCase()], ["Rows (about)", rows !== undefined && rows !== null && rows.toLocaleString("en")],
      ["Size", bytes !== undefined && bytes !== null && size(bytes)], ["Owner", page.owner && ownerOf(page.owner)],
      ["Group", page.group], ["Access", page.access], ["Contract", page.contract && "enforced"], ["Loader", page.loader],
      ["Maturity", page.maturity], ["Link", page.url && (safe(page.url) ? el("a", { href: page.url, rel: "noopener noreferrer" }, page.url) : page.url)],
      ...(page.facts || []).map(([name, text]) => [name, text.split("\n").map((line) => el("div", {}, el("code", {}, line)))]),
      ["Package", page.p], ["File", page.f],
    ].filter(([, value]) => value);
    return el("dl", {}, list.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  }
  const check = (test) => el("span", { class: "check", title: test[3] || test[2] }, test[0]);
  function columnSection(page) {
    const tests = page.tests || [];
    const ofColumn = (name) => tests.filter((test) => test[1] && test[1].toLowerCase() === name.toLowerCase());
    const known = new Set((page.cols || []).map((column) => column[0].toLowerCase()));
    const rest = tests.filter((test) => !test[1] || !known.has(test[1].toLowerCase()));
    const rows = (page.cols || []).map(([name, type, text]) => el("tr", { id: `column-${name}` },
      el("td", {}, el("code", {}, name)), el("td", { class: "type dim" }, type),
      el("td", { class: "doc" }, markdown(text)), el("td", {}, ofColumn(name).map(check))));
    return [
      rows.length ? [el("h2", { id: "columns" }, "Columns"), el("div", { class: "scroll" }, el("table", { class: "columns" },
        el("thead", {}, el("tr", {}, ["Name", "Type", "Description", "Tests"].map((name) => el("th", {}, name)))), el("tbody", {}, rows)))] : null,
      rest.length ? [el("h2", { id: "tests" }, "Tests"), el("p", {}, rest.map(check))] : null,
    ];
  }
  function argumentSection(page) {
    if (!page.args) return null;
    return [el("h2", {}, "Arguments"), el("div", { class: "scroll" }, el("table", {},
      el("tr", {}, ["Name", "Type", "Description"].map((name) => el("th", {}, name))),
      page.args.map(([name, type, text]) => el("tr", {}, el("td", {}, el("code", {}, name)), el("td", {}, type), el("td", { class: "doc" }, markdown(text))))))];
  }
  // A name, then code, at last a description where there is one.
  function tableSections(page) {
    const cell = (heading, text) => (heading === "Description" ? el("td", { class: "doc" }, markdown(text))
      : el("td", {}, text.split("\n").map((line) => line && el("div", {}, el("code", {}, line)))));
    return (page.tables || []).map(([title, headings, rows]) => [el("h2", {}, title), el("div", { class: "scroll" }, el("table", {},
      el("tr", {}, headings.map((heading) => el("th", {}, heading))),
      rows.map((row) => el("tr", {}, row.map((text, at) => cell(headings[at], text))))))]);
  }
  function metaSection(page) {
    if (!page.meta) return null;
    return [el("h2", {}, "Meta"), el("dl", {}, page.meta.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text))))];
  }
  function linkSection(title, places) {
    if (!places.length) return null;
    return [el("h2", {}, title), el("ul", { class: "links" }, places.map((at) => pages[at]).sort(byName).map((page) => el("li", {}, link(page))))];
  }
  function pageOf(page) {
    return [
      el("span", { class: `kind t-${page.type}` }, kindOf(page)), el("h1", {}, page.n),
      page.tags && el("div", {}, page.tags.map((tag) => el("a", { class: "tag", href: `#!/tag/${encodeURIComponent(tag)}` }, tag))),
      page.d || page.d2 ? el("div", { class: "doc" }, markdown(page.d), page.d2 && markdown(page.d2)) : el("p", { class: "dim" }, "No description."),
      facts(page), page.returns && [el("h2", {}, "Returns"), el("div", { class: "doc" }, markdown(page.returns))],
      metaSection(page), columnSection(page), argumentSection(page), tableSections(page), lineage(page),
      linkSection("Depends on", page.up), linkSection("Referenced by", page.down), codeSection(page),
    ];
  }
  function overview() {
    const count = (kind) => pages.filter((page) => page.type === kind).length;
    const made = new Date(data.generated);
    return [
      el("h1", {}, data.project),
      data.overview ? el("div", { class: "doc" }, markdown(data.overview)) : null,
      el("dl", {}, KINDS.filter(([kind]) => count(kind)).map(([kind, title]) => el("div", {}, el("dt", {}, title), el("dd", {}, el("a", { href: `#!/${kind}` }, String(count(kind))))))),
      el("p", { class: "dim" }, `Made on ${made.toISOString().slice(0, 16).replace("T", " ")} UTC from ${data.adapter} by Headwater ${data.version}.`),
      ["exposure", "model"].filter(count).map((kind) => listing(KINDS.find(([name]) => name === kind)[1], (page) => page.type === kind, "h2")),
    ];
  }
  function listing(title, keep, heading = "h1") {
    const first = (text) => (text || "").trim().split(/\n\s*\n/)[0];
    const rows = pages.filter(keep).sort(byName);
    return [el(heading, {}, title), rows.length ? el("div", { class: "scroll" }, el("table", { class: "columns" },
      el("thead", {}, el("tr", {}, ["Name", "Owner", "Description"].map((name) => el("th", {}, name)))),
      el("tbody", {}, rows.map((page) => el("tr", {}, el("td", {}, link(page)), el("td", {}, page.owner && ownerOf(page.owner)), el("td", { class: "doc" }, markdown(first(page.d)))))))) : el("p", { class: "dim" }, "Nothing here.")];
  }

  // The tree at the side: kind, then folder or source.
  function tree() {
    const branch = (page) => (page.type === "source" ? page.n.split(".")[0] : page.type === "exposure" ? "" : page.f.split("/").slice(1, -1).join("/"));
    for (const [kind, title] of KINDS) {
      const members = pages.filter((page) => page.type === kind);
      if (!members.length) continue;
      const branches = new Map();
      for (const page of members) {
        const own = page.p === data.project ? branch(page) : `${page.p}: ${branch(page)}`;
        if (!branches.has(own)) branches.set(own, []);
        branches.get(own).push(page);
      }
      const leaf = (page) => el("a", { href: href(page), "data-at": page.at }, kind === "source" ? page.n.split(".").slice(1).join(".") : page.n);
      const names = [...branches.keys()].sort();
      $("tree").append(el("details", { open: kind === "model" }, el("summary", {}, `${title} (${members.length})`),
        names.map((name) => {
          const leaves = branches.get(name).sort(byName).map(leaf);
          return name ? el("details", { open: kind === "model" && members.length < 60 }, el("summary", {}, name), leaves) : leaves;
        })));
    }
  }

  // Search: names first, then columns (or arguments, dimensions, …), tags, descriptions, code.
  const field = (page) => {
    if (page.field) return page.field;
    const columns = page.cols || [], rows = (page.tables || []).flatMap((table) => table[2]), meta = page.meta || [];
    page.field = [
      `${page.n}\n${page.label || ""}`, [...columns, ...rows].map((row) => row[0]).join(" "), (page.tags || []).join(" "),
      [page.d, ...columns.map((column) => column[2]), page.owner, page.returns, ...meta.flat()].join(" "),
      [page.raw, ...(page.facts || []).map((fact) => fact[1]), ...rows.map((row) => row.slice(1).join(" "))].join(" "),
    ].map((text) => text.toLowerCase());
    return page.field;
  };
  const WHERE = ["", "column", "tag", "description", "code"];
  function score(page, words) {
    let sum = 0, where = 0;
    for (const word of words) {
      const fields = field(page);
      const at = fields.findIndex((text) => text.includes(word));
      if (at < 0) return null;
      where = Math.max(where, at);
      sum += [100, 30, 30, 10, 3][at];
      if (at === 0) sum += page.n.toLowerCase() === word ? 200 : fields[0].startsWith(word) ? 50 : 0;
    }
    return [sum - page.n.length / 100 + (page.type === "macro" ? -20 : 0), WHERE[where]];
  }
  let chosen = 0;
  function search() {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = words.length ? pages.map((page) => [page, score(page, words)]).filter(([, found]) => found) : [];
    hits.sort((a, b) => b[1][0] - a[1][0]);
    chosen = 0;
    $("hits").hidden = !words.length;
    $("hits").replaceChildren(...(hits.length ? hits.slice(0, 30).map(([page, [, where]]) => el("li", {},
      el("a", { href: href(page), role: "option", class: `t-${page.type}`, click: leave }, el("span", { class: "dot" }), page.n,
        el("small", {}, [kindOf(page), where && `found in ${where === "column" && !page.cols ? "details" : where}`, (page.d || "").slice(0, 120)].filter(Boolean).join(" · "))))) : [el("p", {}, "Nothing found.")]));
    mark();
  }
  const options = () => [...$("hits").querySelectorAll("a")];
  const mark = () => options().forEach((option, at) => {
    option.setAttribute("aria-selected", String(at === chosen));
    if (at === chosen) option.scrollIntoView({ block: "nearest" });
  });
  function leave() { $("hits").hidden = true; $("search").value = ""; $("search").blur(); }
  function keys(event) {
    const count = options().length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      chosen = count ? (chosen + (event.key === "ArrowDown" ? 1 : count - 1)) % count : 0;
      mark();
    } else if (event.key === "Enter" && count) {
      location.hash = options()[chosen].getAttribute("href");
      leave();
    } else if (event.key === "Escape") leave();
  }

  function route() {
    const [, kind, id] = /^#!\/([^/]*)\/?(.*)$/.exec(location.hash) || [];
    let name = "";
    try { name = decodeURIComponent(id || ""); } catch { name = id; }
    const page = byId.get(name);
    const title = KINDS.find(([known]) => known === kind);
    const content = page ? pageOf(page)
      : kind === "tag" ? listing(`Tag ${name}`, (other) => (other.tags || []).includes(name))
      : title && !name ? listing(title[1], (other) => other.type === kind)
      : !kind ? overview() : [el("h1", {}, "There is no such page"), el("p", {}, name)];
    $("main").replaceChildren(...content.flat(9).filter((part) => part !== null && part !== undefined && part !== false && part !== ""));
    $("main").scrollTop = 0;
    document.title = page ? `${page.n} · ${data.project}` : data.project;
    for (const old of $("tree").querySelectorAll("[aria-current]")) old.removeAttribute("aria-current");
    const leaf = page && $("tree").querySelector(`[data-at="${page.at}"]`);
    if (leaf) {
      leaf.setAttribute("aria-current", "page");
      for (let up = leaf.parentElement; up && up.id !== "tree"; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
      leaf.scrollIntoView({ block: "nearest" });
    }
    menu(false);
  }
  function menu(open) {
    $("tree").classList.toggle("open", open);
    $("menu").setAttribute("aria-expanded", String(open));
  }

  $("home").textContent = data.project;
  $("menu").addEventListener("click", () => menu(!$("tree").classList.contains("open")));
  $("search").addEventListener("input", search);
  $("search").addEventListener("keydown", keys);
  document.addEventListener("click", (event) => { if (!$("finder").contains(event.target)) $("hits").hidden = true; });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA)$/.test(event.target.tagName);
    if (!typing && !event.metaKey && !event.ctrlKey && !event.altKey && (event.key === "/" || event.key === "s")) {
      event.preventDefault();
      $("search").focus();
    }
  });
  addEventListener("hashchange", route);
  tree();
  route();
})();
