"use strict";
// Keys, the menu on a phone, and a word before what was typed is lost. Everything works without them.
const side = document.querySelector(".side"), narrow = matchMedia("(max-width: 800px)");
if (side) { const fold = () => { side.open = !narrow.matches; }; fold(); narrow.addEventListener("change", fold); }
const GO = { o: "/overview", c: "/golden", i: "/invoices", r: "/reminders", d: "/reviews" };
let waitsForGo = 0;
document.addEventListener("keydown", (event) => {
  // a dialog that was just closed has the focus until the page is drawn again
  const find = document.getElementById("find"), typing = event.target.closest("input, textarea, select, dialog[open]");
  if (!find) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "k") { event.preventDefault(); find.focus(); find.select(); return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") { event.preventDefault(); find.focus(); }
  else if (event.key === "?") document.getElementById("keys").showModal();
  else if (event.key === "n") location.href = "/intakes/new";
  else if (event.key === "g") waitsForGo = Date.now();
  else if (Date.now() - waitsForGo < 3000 && GO[event.key]) location.href = GO[event.key];
});
for (const form of document.querySelectorAll("form[data-guarded]")) {
  let touched = false;
  form.addEventListener("input", () => { touched = true; });
  form.addEventListener("submit", () => { touched = false; });
  addEventListener("beforeunload", (event) => { if (touched) event.preventDefault(); });
}
// Select all, live progress, and the customer search of the intake form. Everything else works without scripts.

for (const choice of document.querySelectorAll("select[data-go]")) choice.addEventListener("change", () => choice.form.submit());
const again = document.querySelector("[data-again]");
if (again) setTimeout(() => location.reload(), 1000 * again.dataset.again);

for (const all of document.querySelectorAll("[data-all]")) {
  all.addEventListener("change", () => {
    for (const box of all.closest("table").querySelectorAll("tbody input[type=checkbox]")) box.checked = all.checked;
  });
}

for (const card of document.querySelectorAll("[data-live]")) {
  const line = card.querySelector(".live"), bar = card.querySelector("progress");
  const page = document.querySelector("[data-page]");
  const ask = async () => {
    const answer = await fetch(card.dataset.live, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer) { setTimeout(ask, 3000); return; }  // the network is gone for a moment, or the server starts again
    if (!answer.ok) { line.textContent = "The server does not know this sync any more; see the list of runs."; return; }
    const job = await answer.json();
    line.textContent = job.line;
    card.classList.toggle("failed", job.failed);
    if (job.page) { page.href = job.page; page.hidden = false; }
    if (job.total) { bar.max = job.total; bar.value = job.done; } else if (job.finished) { bar.max = 1; bar.value = 1; }
    if (!job.finished) setTimeout(ask, 700);
    else if (!("ended" in card.dataset)) location.reload();  // the page is of before: now with what each system did
  };
  ask();
}

for (const form of document.querySelectorAll("[data-intake]")) {
  const search = form.elements.search, list = form.querySelector("#hits"), role = form.querySelector("[data-role]");
  const typed = new Set();
  for (const name of ["customer_name", "contact_email", "contact_phone"]) {
    form.elements[name].addEventListener("input", () => typed.add(name));
    if (form.elements[name].value) typed.add(name);
  }
  let hits = [], at = -1, timer = 0;
  const close = () => { list.hidden = true; search.setAttribute("aria-expanded", "false"); at = -1; };
  const mark = () => [...list.children].forEach((li, n) => li.setAttribute("aria-selected", String(n === at)));
  const choose = (hit) => {
    search.value = hit.name;
    form.elements.customer_id.value = hit.id;
    const values = { customer_name: hit.name, contact_email: hit.email, contact_phone: hit.phone };
    for (const [name, value] of Object.entries(values)) if (!typed.has(name)) form.elements[name].value = value || "";
    role.textContent = hit.role ? "Role: " + hit.role : "No role";
    close();
  };
  const show = () => {
    list.replaceChildren(...hits.map((hit) => {
      const li = document.createElement("li");
      li.setAttribute("role", "option");
      li.textContent = [hit.name, hit.city, hit.source, hit.role].filter(Boolean).join(" · ");
      li.addEventListener("mousedown", (event) => { event.preventDefault(); choose(hit); });
      return li;
    }));
    list.hidden = !hits.length;
    search.setAttribute("aria-expanded", String(!!hits.length));
    at = -1; mark();
  };
  search.addEventListener("input", () => {
    clearTimeout(timer);
    form.elements.customer_id.value = "";
    timer = setTimeout(async () => {
      const answer = await fetch("/customers/search?q=" + encodeURIComponent(search.value));
      hits = answer.ok ? (await answer.json()).items : [];
      show();
    }, 200);
  });
  search.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown") at = Math.min(at + 1, hits.length - 1);
    else if (event.key === "ArrowUp") at = Math.max(at - 1, 0);
    else if (event.key === "Enter" && at >= 0) choose(hits[at]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault(); mark();
  });
  search.addEventListener("blur", close);
}

for (const busy of document.querySelectorAll("[data-busy]"))
  busy.closest("form").addEventListener("submit", () => { busy.hidden = false; });
