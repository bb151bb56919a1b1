// Saves a tap or a wait. Every page works without this file.
import { initAll } from "./govuk/govuk-frontend.min.js";
import { countDown } from "./countdown.js";
import { readCodeFromSms } from "./sms-code.js";
import { postParts } from "./parts.js";
import { followPending } from "./pending.js";

function bringToLife(root) {
  initAll({ scope: root });
  countDown(root);
  readCodeFromSms(root);
}

bringToLife(document);
postParts(bringToLife);
followPending(bringToLife);

// What no field can fix is read first; the library does the same for the error summary.
document.querySelector("[data-focus]")?.focus();
