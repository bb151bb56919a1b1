// WebOTP: the phone offers the code of the SMS; it is filled in and not submitted.
export function readCodeFromSms(root) {
  const input = root.querySelector('input[autocomplete="one-time-code"]');
  if (!input || !("OTPCredential" in window)) return;
  const aborting = new AbortController();
  input.form.addEventListener("submit", () => aborting.abort());
  navigator.credentials
    .get({ otp: { transport: ["sms"] }, signal: aborting.signal })
    .then((found) => {
      if (found && !input.value) input.value = found.code;
    })
    .catch(() => {}); // none came, or it was typed by hand
}
