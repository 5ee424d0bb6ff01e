// The two things on the pages that need a script: finding a feed, and copying its address. All words are in the
// templates, in the data-* attributes of #status.
"use strict";

{
  const status = document.getElementById("status");

  /** Say something to people who hear the page; {name} in the words stands for a value. */
  function say(words, values) {
    status.textContent = words.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
  }

  // --- Copying ---

  /** Copy without the Clipboard API, which browsers have for https and this machine only. */
  function copySelected(text) {
    const area = document.createElement("textarea");
    area.className = "unseen";
    area.value = text;
    document.body.append(area);
    area.select();
    try {
      return document.execCommand("copy");
    } finally {
      area.remove();
    }
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copySelected(text);
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    if (!button) return;
    const address = button.dataset.copy;
    const done = await copy(address);
    button.focus();
    button.classList.toggle("copied", done);
    say(done ? status.dataset.copied : status.dataset.uncopied, { address });
    setTimeout(() => button.classList.remove("copied"), 2000);
  });

  // --- Finding ---

  /** A text without case and accents. */
  function folded(text) {
    return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  }

  /** What a row can be found by: its names, what it is about, its newest story; not the words of its buttons. */
  function words(row) {
    const link = row.querySelector("h3 a");
    const parts = [...row.querySelectorAll("h3, .about, .news")].map((part) => part.textContent);
    return folded([link ? link.title : "", ...parts].join(" "));
  }

  function find(box) {
    const groups = [...document.querySelectorAll(".group")].map((group) => ({
      group,
      rows: [...group.querySelectorAll(".row")].map((row) => ({ row, text: words(row) })),
    }));
    const nothing = document.getElementById("nothing");

    function show() {
      const wanted = folded(box.value).split(/\s+/).filter(Boolean);
      let found = 0;
      let total = 0;
      for (const { group, rows } of groups) {
        let here = 0;
        for (const { row, text } of rows) {
          row.hidden = !wanted.every((word) => text.includes(word));
          here += row.hidden ? 0 : 1;
        }
        group.hidden = here === 0;
        found += here;
        total += rows.length;
      }
      nothing.hidden = found > 0 || total === 0;
      if (wanted.length) say(status.dataset.found, { found, total });
    }

    box.addEventListener("input", show);
    document.getElementById("all-again").addEventListener("click", () => {
      box.value = "";
      show();
      box.focus();
    });
    window.addEventListener("pageshow", show); // a browser that comes back restores what was typed
  }

  const box = document.getElementById("filter");
  if (box) find(box);
}
