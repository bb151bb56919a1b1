// What a page is looked at for, beside axe; each check gives lines that say what is wrong.
window.kabinet = (() => {
  const named = (one) => `<${one.tagName.toLowerCase()}${one.id ? ` #${one.id}` : ""}> ${(one.textContent || one.name || "").trim().slice(0, 40)}`;
  const hidden = (one) =>
    one.closest(".govuk-visually-hidden, [hidden], svg") ||
    !one.checkVisibility({ visibilityProperty: true }) ||
    (one.matches(".govuk-skip-link") && document.activeElement !== one);
  const all = (selector) => [...document.querySelectorAll(selector)].filter((one) => !hidden(one));

  // WCAG 1.4.10: nothing is scrolled sideways.
  const sideways = () => {
    const page = document.documentElement;
    if (page.scrollWidth <= page.clientWidth) return [];
    const wide = all("body *").filter((one) => one.getBoundingClientRect().right > page.clientWidth + 0.5);
    return [`${page.scrollWidth} px wide at ${page.clientWidth}: ${wide.slice(0, 3).map(named).join("; ")}`];
  };

  // Text that its box hides a part of.
  const cut = () =>
    all("body *")
      .filter((one) => !one.matches("input, textarea, select"))
      .filter((one) => getComputedStyle(one).overflow !== "visible")
      .filter((one) => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
      .map((one) => `cut off: ${named(one)}`);

  const inText = (link) =>
    link.matches("a, .kb-link-button") &&
    getComputedStyle(link).display === "inline" &&
    link.parentElement.textContent.trim().length > link.textContent.trim().length;

  const small = () =>
    all("a[href], button, input:not([type=hidden]), select, textarea, summary")
      .filter((one) => one.tabIndex >= 0 && !inText(one))
      .map((one) => [one, one.getBoundingClientRect()])
      .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
      .map(([one, box]) => `${Math.round(box.width)} × ${Math.round(box.height)} px to press: ${named(one)}`);

  // What is read on the page, without what people typed and without the name of the other language.
  const words = () => {
    const found = [document.title];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const at = walker.currentNode.parentElement;
      if (!at.closest("script, style, textarea, body [lang], [translate=no]")) found.push(walker.currentNode.data);
    }
    for (const one of document.querySelectorAll("[aria-label], [placeholder], [title]"))
      for (const name of ["aria-label", "placeholder", "title"]) found.push(one.getAttribute(name) ?? "");
    return found.join("\n");
  };

  // WCAG 1.4.12, through the object model: the policy of the pages takes no style of anybody else.
  const spacing = new CSSStyleSheet();
  spacing.replaceSync(
    "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }" +
      " p { margin-bottom: 2em !important }",
  );
  const spaced = (wide) => {
    document.adoptedStyleSheets = wide ? [spacing] : [];
  };

  // Forced colours leave no background: a field or a button without a border is not seen.
  const borderless = () =>
    all("input:not([type=hidden], [type=radio]), textarea, button.govuk-button, a.govuk-button, .kb-card")
      .filter((one) => {
        const { borderTopWidth, borderTopStyle, outlineStyle } = getComputedStyle(one);
        return (borderTopStyle === "none" || parseFloat(borderTopWidth) === 0) && outlineStyle === "none";
      })
      .map((one) => `no border: ${named(one)}`);

  return { borderless, sideways, cut, small, words, spaced };
})();
