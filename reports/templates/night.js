"use strict";
// The line that repeats the failure, to the clipboard; without one the button stays away.
const button = document.querySelector("button.copy");
if (button && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector("h1 code").textContent);
    button.textContent = "Copied";
  });
}
