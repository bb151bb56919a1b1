// A button with data-part="id" posts its form and replaces only that part: passwords stay in their fields.
export function postParts(bringToLife) {
  document.addEventListener("submit", async (event) => {
    const button = event.submitter;
    const id = button?.dataset.part;
    if (!id || event.defaultPrevented) return;
    event.preventDefault();
    const form = event.target;
    const typed = new URLSearchParams(new FormData(form));
    typed.append(button.name, button.value);
    button.setAttribute("aria-disabled", "true");
    try {
      // Not `form.action`: that is the button of this name.
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body: typed, credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const part = page.getElementById(id);
      if (!part) throw new Error("another page is needed");
      for (const name of [id, "messages"]) document.getElementById(name).replaceWith(page.getElementById(name));
      for (const name of ["form_token", "once"]) copyValue(page, form, name);
      document.title = page.title || document.title;
      bringToLife(document.getElementById("messages"));
      bringToLife(part);
      (document.querySelector("[data-focus], .govuk-error-summary") ?? part.querySelector("[autofocus]"))?.focus();
    } catch {
      // Whatever it was, the plain way says it.
      delete button.dataset.part;
      button.removeAttribute("aria-disabled");
      form.requestSubmit(button);
    }
  });
}

function copyValue(page, form, name) {
  const made = page.querySelector(`form[action="${form.getAttribute("action")}"] input[name="${name}"]`);
  if (made) form.elements[name].value = made.value;
}
