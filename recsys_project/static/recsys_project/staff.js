"use strict";

// Lets django-unfold's templates run under a policy without unsafe-eval. Their Alpine expressions are read by Alpine's
// CSP build, which sees no globals and no statements: the globals come in as data of the page's root element, and the
// few attributes with statements are written as expressions. See docs/adr/0017-the-admin-keeps-its-policy.md.
{
  // Attributes that the CSP build cannot read: [attribute, expression, what replaces it].
  const REWRITTEN = [
    [
      "x-on:click",
      /^sidebarDesktopOpen = !sidebarDesktopOpen; localStorage[\s\S]*$/,
      "[sidebarDesktopOpen = !sidebarDesktopOpen, localStorage.setItem('sidebarDesktopOpen', sidebarDesktopOpen ? '1' : '0')]",
    ],
    // The click above stores the state of the sidebar; nothing else changes it.
    ["x-init", /^(\s*activeTab = [^;]*);\s*\$watch\('sidebarDesktopOpen'[\s\S]*$/, "$1"],
    ["x-on:keydown.enter.prevent", /^if \(!\$event\.metaKey && !\$event\.ctrlKey\) (selectItem\(.*\))$/, "!$event.metaKey && !$event.ctrlKey && $1"],
    ["x-on:focus", /^openSearchResults = true; currentIndex = 0$/, "[openSearchResults = true, currentIndex = 0]"],
    ["x-on:keydown.escape.prevent", /^openSearchResults = false; if[\s\S]*$/, "openSearchResults = false"],
    // A style attribute would be refused; a property of the element's style is not.
    ["x-bind:style", /^'width: ' \+ changeListWidth \+ 'px'$/, "{ width: changeListWidth + 'px' }"],
  ];

  // Sets before htmx starts: its style element and its eval are refused, and nothing here uses them.
  if (window.htmx) Object.assign(htmx.config, { includeIndicatorStyles: false, allowEval: false });

  // What a screen reader needs and Select2 does not give: names of the fields and of the empty choice, and a list that
  // holds only its choices.
  const nameFields = () => {
    for (const box of document.querySelectorAll(".select2-container:not([data-named])")) {
      const select = box.parentElement.querySelector("select");
      if (!select) continue;
      box.dataset.named = "";
      const name = select.labels[0]?.innerText.replace("*", "").trim() || select.name;
      for (const part of box.querySelectorAll('[role="combobox"], [role="textbox"]')) {
        part.setAttribute("aria-label", name);
        part.removeAttribute("aria-labelledby");
      }
    }
    for (const field of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
      const select = field.closest(".select2-container")?.parentElement.querySelector("select");
      field.setAttribute("aria-label", select?.labels[0]?.innerText.replace("*", "").trim() || "Search");
    }
    for (const clear of document.querySelectorAll("ul.select2-selection__rendered > .select2-selection__clear")) {
      const entry = document.createElement("li");
      entry.className = "select2-clear";
      clear.before(entry);
      entry.append(clear);
    }
  };
  // Fields in the tables of related rows have a column, and no label.
  const nameCells = () => {
    for (const field of document.querySelectorAll("td[data-label] :is(input, select, textarea):not([type='hidden'], [aria-label])")) {
      if (!field.labels?.length) field.setAttribute("aria-label", field.closest("td").dataset.label);
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    const name = () => { nameCells(); nameFields(); };
    name();
    if (document.querySelector(".admin-autocomplete, td[data-label]")) new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  });
  // Django's choice of many gives its marks a name, but no role; it is built when the page has loaded.
  addEventListener("load", () => setTimeout(() => {
    for (const mark of document.querySelectorAll(".help-tooltip[aria-label]")) mark.setAttribute("role", "img");
  }));

  document.addEventListener("alpine:init", () => {
    Alpine.data("theme", (...given) => ({
      ...theme(...given),
      localStorage: {
        getItem: (name) => localStorage.getItem(name),
        setItem: (name, value) => localStorage.setItem(name, value),
      },
      window: { location: { pathname: location.pathname, search: location.search } },
      getCurrentTab: () => getCurrentTab(),
      sortRecords: (event) => sortRecords(event),
      moveRecords: (event) => moveRecords(event),
    }));
    Alpine.data("searchForm", searchForm);
    Alpine.data("searchDropdown", searchDropdown);
    Alpine.data("searchCommand", searchCommand);
    Alpine.interceptInit((element) => {
      for (const [name, pattern, replacement] of REWRITTEN) {
        const text = element.getAttribute(name);
        if (text !== null && pattern.test(text)) element.setAttribute(name, text.replace(pattern, replacement));
      }
    });
  });
}
