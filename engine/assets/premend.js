// Keeps pages true while they are open. Without it every page still works; a reload shows the same.
"use strict";
(() => {
  const body = document.body;

  // Puts the new children of a keyed list in place, keeping nodes that did not change, so that focus
  // and selection stay where the reader has them.
  function reconcile(old, next) {
    const kept = new Map([...old.children].map((node) => [node.id, node]));
    const placed = [...next.children].map((node) => {
      const before = kept.get(node.id);
      if (before && before.outerHTML === node.outerHTML) return before;
      node.classList.add("fresh");
      return node;
    });
    old.replaceChildren(...placed);
  }

  function parsed(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }

  function replace(id, html) {
    const old = document.getElementById(id);
    const next = parsed(html);
    if (!old) {
      const groups = [...document.querySelectorAll("main > .group")];
      const after = groups.filter((group) => group.id < id).pop();
      if (after) after.after(next);
      return;
    }
    const [oldList, nextList] = [old.querySelector("[data-keyed]"), next.querySelector("[data-keyed]")];
    if (oldList && nextList) {
      reconcile(oldList, nextList);
      nextList.replaceWith(oldList);
    }
    old.replaceWith(next);
  }

  function count(name, value) {
    for (const node of document.querySelectorAll(`[data-count="${name}"]`)) {
      node.textContent = value;
      if (node.classList.contains("badge")) node.hidden = value === 0;
      else node.toggleAttribute("data-zero", value === 0);
    }
  }

  // Other pages read themselves again, unless somebody is filling in a form.
  let dirty = false;
  document.addEventListener("input", (at) => { if (at.target.closest("main form")) dirty = true; });
  async function reread() {
    if (dirty || !document.querySelector("main [data-fragment]")) return;
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const node of document.querySelectorAll("main [data-fragment]")) {
      const fresh = next.getElementById(node.id);
      if (fresh && fresh.outerHTML !== node.outerHTML) node.replaceWith(document.adoptNode(fresh));
    }
  }

  // Personal data asked for with a reason is shown in place.
  document.addEventListener("submit", async (at) => {
    const form = at.target.closest("form[data-in-place]");
    if (!form) return;
    at.preventDefault();
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), credentials: "same-origin" });
    if (!answer.ok) return form.submit();
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const target = document.getElementById(form.dataset.inPlace);
    const fresh = next.getElementById(form.dataset.inPlace);
    if (target && fresh) target.replaceWith(document.adoptNode(fresh));
  });

  for (const node of document.querySelectorAll("b[data-count]")) node.toggleAttribute("data-zero", node.textContent.trim() === "0");

  if (!body.dataset.stream || !window.EventSource) return;
  const live = document.querySelector("[data-live]");
  const words = live ? live.textContent : "";
  const source = new EventSource(body.dataset.stream);
  source.onopen = () => { if (live) { live.hidden = false; live.classList.remove("lost"); live.textContent = words; } };
  source.onerror = () => { if (live) { live.hidden = false; live.classList.add("lost"); live.textContent = live.dataset.lost; } };
  source.addEventListener("board", (message) => {
    const { fragments, counts, clock } = JSON.parse(message.data);
    for (const [id, html] of Object.entries(fragments || {})) replace(id, html);
    for (const [name, value] of Object.entries(counts || {})) count(name, value);
    const empty = document.querySelector("main > .empty");
    if (empty && ["s1", "s2", "s3", "s4"].some((name) => counts[name] > 0)) empty.remove();
    const shown = document.querySelector("[data-clock]");
    if (shown && clock) shown.textContent = clock;
    if (!fragments) reread();
  });
})();
