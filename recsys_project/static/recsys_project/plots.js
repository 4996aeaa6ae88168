"use strict";

// Draws the plots of a page from the data in it, and their tables for people who read numbers. See admin/desk/plot.html.
{
  const data = JSON.parse(document.getElementById("desk-plots").textContent);
  // Readable on white and on the dark ground.
  const COLOURS = ["#3b82f6", "#f59e0b", "#10b981", "#ef4444", "#8b5cf6", "#06b6d4", "#ec4899", "#84cc16", "#f97316", "#6366f1", "#14b8a6"];
  const VERDICTS = { live: "#10b981", "was live": "#3b82f6", ready: "#06b6d4", refused: "#f59e0b", failed: "#ef4444" };
  const charts = [];
  const hasNumbers = (values) => values.some((value) => value !== null && value !== undefined);
  const day = (text) => new Date(`${text}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  const number = (value) => (Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4)));
  const round = (value) => (value === null || value === undefined ? "-" : [value].flat().map(number).join(" to "));

  function table(section, labels, sets) {
    const body = section.querySelector(".desk-numbers table");
    const row = (kind, cells) => {
      const line = document.createElement("tr");
      cells.forEach((text, place) => {
        const cell = document.createElement(kind === "head" || place === 0 ? "th" : "td");
        cell.textContent = text;
        if (cell.tagName === "TH") cell.scope = kind === "head" ? "col" : "row";
        line.append(cell);
      });
      return line;
    };
    const head = document.createElement("thead");
    head.append(row("head", ["", ...sets.map((set) => set.label)]));
    const lines = document.createElement("tbody");
    labels.forEach((label, place) => lines.append(row("body", [label, ...sets.map((set) => round(set.data[place]))])));
    body.replaceChildren(head, lines);
  }

  function options(extra) {
    const style = getComputedStyle(document.documentElement);
    const dark = document.documentElement.classList.contains("dark");
    const text = style.getPropertyValue(dark ? "--color-base-300" : "--color-base-600").trim();
    const line = style.getPropertyValue(dark ? "--color-base-700" : "--color-base-200").trim();
    const along = extra.horizontal ? "y" : "x";
    const values = extra.horizontal ? "x" : "y";
    const axis = { ticks: { color: text, maxRotation: 0, autoSkipPadding: 12 }, grid: { color: line }, border: { display: false } };
    return {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      indexAxis: along,
      interaction: { mode: "index", axis: along, intersect: false },
      scales: {
        [along]: { ...axis, grid: { display: false }, stacked: Boolean(extra.stacked) },
        [values]: { ...axis, beginAtZero: true, stacked: Boolean(extra.stacked), title: { display: Boolean(extra.unit), text: extra.unit, color: text } },
      },
      plugins: {
        legend: { position: "bottom", labels: { color: text, boxWidth: 12, boxHeight: 12 } },
        tooltip: { callbacks: extra.tooltip || {} },
      },
      onClick: extra.open ? (event, found) => found.length && extra.open(found[0].index) : undefined,
      onHover: (event, found) => { event.native.target.style.cursor = extra.open && found.length ? "pointer" : "default"; },
    };
  }

  function draw(name, type, labels, sets, extra = {}) {
    const canvas = document.getElementById(`plot-${name}`);
    if (!canvas) return;
    const section = canvas.closest("section");
    if (!sets.some((set) => hasNumbers(set.data))) {
      section.querySelector(".desk-plot").hidden = true;
      section.querySelector(".desk-numbers").hidden = true;
      section.querySelector(".desk-empty").hidden = false;
      return;
    }
    table(section, labels, sets);
    const datasets = sets.map((set, place) => ({
      borderColor: COLOURS[place % COLOURS.length], backgroundColor: COLOURS[place % COLOURS.length],
      borderWidth: type === "line" ? 2 : 0, pointRadius: labels.length > 40 ? 0 : 2, pointHoverRadius: 5, spanGaps: true, tension: 0.2, ...set,
    }));
    charts.push([new Chart(canvas, { type, data: { labels, datasets }, options: options(extra) }), extra]);
  }

  const openVersion = (id) => { location.href = data.version_page.replace("/0/", `/${id}/`); };
  if (data.quality) {
    const versions = data.quality.versions;
    draw("quality", "line", versions.map((id) => `v${id}`), [
      { label: "model", data: data.quality.model },
      { label: "popularity", data: data.quality.popularity, borderDash: [6, 4] },
    ], {
      unit: "nDCG@10", open: (place) => openVersion(versions[place]),
      tooltip: { afterTitle: (items) => data.quality.statuses[items[0].dataIndex] },
    });
  }
  if (data.nights) {
    const nights = data.nights;
    draw("nights", "bar", nights.map((night) => `v${night.id}`), [
      { label: "minutes", data: nights.map((night) => night.minutes), backgroundColor: nights.map((night) => VERDICTS[night.verdict] || "#9ca3af"), maxBarThickness: 28 },
    ], {
      unit: "minutes", open: (place) => openVersion(nights[place].id),
      tooltip: { afterLabel: (item) => [nights[item.dataIndex].verdict, nights[item.dataIndex].reason.slice(0, 120)].filter(Boolean) },
    });
  }
  if (data.days) {
    const days = data.days.map(day);
    const percent = { label: (item) => `${item.dataset.label}: ${item.parsed.y.toFixed(1)}%` };
    draw("clicks", "line", days, Object.entries(data.clicks).map(([label, values]) => ({ label, data: values })), { unit: "%", tooltip: percent });
    draw("lists", "line", days, [{ label: "lists", data: data.lists.lists }, { label: "people", data: data.lists.people }]);
    draw("events", "bar", days, Object.entries(data.events).map(([label, values]) => ({ label, data: values })), { stacked: true });
    draw("fallback", "line", days, [{ label: "popular movies", data: data.fallback, fill: true, backgroundColor: "rgba(245, 158, 11, 0.2)", borderColor: "#f59e0b" }], { unit: "%", tooltip: percent });
  }

  // Arms of an experiment: each with its value on its interval.
  for (const name of ["means", "differences"]) {
    const rows = data[name] || [];
    draw(name, "bar", rows.map((row) => row.name), [
      { type: "line", label: "value", data: rows.map((row) => row.value), showLine: false, pointRadius: 5, borderColor: "#3b82f6", backgroundColor: "#3b82f6" },
      { label: "interval", data: rows.map((row) => [row.low, row.high]), barThickness: 6, backgroundColor: rows.map((row) => (row.clear ? "#10b981" : "#9ca3af")) },
    ], { horizontal: true, tooltip: { label: (item) => `${item.dataset.label}: ${round(item.raw)}` } });
  }

  // The theme is a class of the root element.
  new MutationObserver(() => charts.forEach(([chart, extra]) => { chart.options = options(extra); chart.update(); }))
    .observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
}
