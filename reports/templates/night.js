// The line that repeats the failure, to the clipboard.
(() => {
  const button = document.querySelector("button.copy");
  if (button) {
    button.hidden = false;
    copies(button, document.querySelector("h1 code"));
  }
})();
