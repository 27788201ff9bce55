// The copy button, and sentences and arrows that light each other.
(() => {
  const copy = document.getElementById("copy");
  if (copy) copies(copy, document.getElementById("again"));

  for (const element of document.querySelectorAll("[data-edge]")) {
    const both = document.querySelectorAll(`[data-edge="${element.dataset.edge}"]`);
    const light = (on) => both.forEach((one) => one.classList.toggle("lit", on));
    for (const event of ["pointerenter", "focus"]) element.addEventListener(event, () => light(true));
    for (const event of ["pointerleave", "blur"]) element.addEventListener(event, () => light(false));
  }
})();
