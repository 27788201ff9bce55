"use strict";
// The line that repeats the failure, to the clipboard.
const button = document.querySelector("button.copy");
if (button) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const code = document.querySelector("h1 code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      // A page opened from a file may not write to the clipboard: select the line instead.
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
  });
}
