// Keeps a page of the desk current: hears that something happened, fetches the page again and puts the parts that are marked
// as live in place. Nothing is replaced under somebody's hands.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  document.addEventListener("change", (event) => {
    if (!event.target.matches("input[data-all]")) return;
    for (const box of document.querySelectorAll("input[name=code]")) box.checked = event.target.checked;
  });
  if (!document.querySelector("[data-live]")) return;
  let waiting = 0;
  const busy = (part) => part.contains(document.activeElement) || part.querySelector("input:checked");
  async function renew() {
    waiting = 0;
    const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
    if (!answer || !answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
      if (next && !busy(part) && next.innerHTML !== part.innerHTML) part.replaceWith(document.importNode(next, true));
    }
  }
  const news = new EventSource("/live");
  news.addEventListener("news", () => {
    // Many things at once are one renewal.
    if (!waiting && !document.hidden) waiting = setTimeout(renew, 1000);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) renew(); });
})();
