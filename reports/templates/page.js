// The copy button, sentences and arrows that light each other, and the charts.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  const copy = document.getElementById("copy");
  if (copy) copies(copy, document.getElementById("again"));

  for (const element of document.querySelectorAll("[data-edge]")) {
    const both = document.querySelectorAll(`[data-edge="${element.dataset.edge}"]`);
    const light = (on) => both.forEach((one) => one.classList.toggle("lit", on));
    for (const event of ["pointerenter", "focus"]) element.addEventListener(event, () => light(true));
    for (const event of ["pointerleave", "blur"]) element.addEventListener(event, () => light(false));
  }

  charts(data.charts, () => ({
    range: { category: [colour("ok"), colour("fail"), colour("info")] },
    legend: { labelColor: colour("ink"), labelFontSize: 12, orient: "top", columns: 3 },
    style: { percentile: { color: colour("ink"), strokeWidth: 1.5 } },
  }));
})();
