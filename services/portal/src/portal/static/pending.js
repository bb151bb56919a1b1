// A card that waits for its result asks for itself, one request at a time, and not while the tab is hidden.
export function followPending(bringToLife) {
  for (const card of document.querySelectorAll("[data-pending]")) follow(card, bringToLife);
}

async function follow(card, bringToLife) {
  let pause = 2000;
  for (;;) {
    await visible();
    try {
      const answer = await fetch(card.dataset.pending, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById(card.id);
      if (!next) throw new Error("no card");
      pause = 2000;
      if (!next.dataset.pending) {
        card.replaceWith(next);
        bringToLife(next);
        announce(next.dataset.said);
        return;
      }
      if (next.textContent !== card.textContent) card.replaceChildren(...next.childNodes); // it takes longer than usual
    } catch {
      await new Promise((over) => setTimeout(over, pause));
      pause = Math.min(pause * 2, 30000);
    }
  }
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((over) => {
    document.addEventListener("visibilitychange", function seen() {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", seen);
      over();
    });
  });
}

// Said by the polite live region of the page; the card itself never takes the focus.
function announce(text) {
  const region = document.querySelector("[data-live]");
  if (region && text) region.textContent = text;
}
