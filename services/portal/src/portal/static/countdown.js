// "Send again" stays away until the service would accept it. The ticking text is not announced.
export function countDown(root) {
  for (const wait of root.querySelectorAll("[data-countdown]")) {
    const button = wait.parentElement.querySelector("[data-countdown-button]");
    const text = wait.textContent.replace(/\d+:\d+$/, "");
    const until = Date.now() + Number(wait.dataset.countdown) * 1000;
    const show = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      wait.textContent = `${text}${Math.floor(Math.max(left, 0) / 60)}:${String(Math.max(left, 0) % 60).padStart(2, "0")}`;
      wait.hidden = left <= 0;
      button.hidden = left > 0;
      if (left <= 0) clearInterval(timer);
    };
    const timer = setInterval(show, 1000);
    wait.setAttribute("aria-hidden", "true");
    show();
  }
}
