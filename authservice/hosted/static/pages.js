// What a page can do besides where scripts run: show a password while it is typed, tick its rules as they are met.
// Owns no text and no decision: texts stand in the page, and what a password must have is asked behind the seam.
"use strict";

const QUIET = 1000; // milliseconds without a key before the open rules are spoken

for (const button of document.querySelectorAll("button.show")) {
  const field = document.getElementById(button.getAttribute("aria-controls"));
  const texts = [...button.children].map((text) => [text, text.textContent]);
  const show = (shown) => {
    const { selectionStart, selectionEnd } = field;
    field.type = shown ? "text" : "password";
    if (document.activeElement === field) field.setSelectionRange(selectionStart, selectionEnd);
    for (const [text, whileHidden] of texts) text.textContent = shown ? text.dataset.shown : whileHidden;
  };
  button.hidden = false;
  button.addEventListener("mousedown", (event) => event.preventDefault()); // the caret stays in the field
  button.addEventListener("click", () => show(field.type === "password"));
  field.form.addEventListener("submit", () => show(false)); // browsers remember what text fields hold
  addEventListener("pagehide", () => show(false));
}

// The rules as local/accounts/passwords.py has them: letters and digits of Basic Latin, a space only inside.
const RULES = {
  length: (password, rule) => [...password].length >= Number(rule.dataset.length),
  upper: (password) => /[A-Z]/.test(password),
  lower: (password) => /[a-z]/.test(password),
  digit: (password) => /[0-9]/.test(password),
  symbol: (password) => /[\^$*.[\]{}()?"!@#%&/\\,><':;|_~`=+\- ]/.test(password.replace(/^ +| +$/g, "")),
};

for (const box of document.querySelectorAll(".rules")) {
  const field = document.getElementById("password");
  const rules = [...box.querySelectorAll("[data-rule]")].map((line) => {
    const state = line.appendChild(document.createElement("span"));
    state.className = "spoken";
    return { line, state, text: line.firstChild.data.trim() };
  });
  const speaker = box.querySelector("[aria-live]");
  const list = new Intl.ListFormat(document.documentElement.lang);
  let waiting, spoken = "";

  const speak = () => {
    const open = rules.filter(({ line }) => !line.classList.contains("met")).map(({ text }) => text);
    const text = open.length ? `${box.dataset.open} ${list.format(open)}` : box.dataset.allMet;
    if (field.value && text !== spoken) speaker.textContent = spoken = text;
  };
  const tick = () => {
    for (const { line, state } of rules) {
      const met = RULES[line.dataset.rule](field.value, line);
      line.classList.toggle("met", met);
      state.textContent = met ? ` (${box.dataset.met})` : "";
    }
    clearTimeout(waiting);
    waiting = setTimeout(speak, QUIET);
  };
  box.classList.add("live");
  field.addEventListener("input", tick);
  tick();
}
