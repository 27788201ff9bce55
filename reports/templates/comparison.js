// The copy button and the charts of a comparison.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  const copy = document.getElementById("copy");
  copy.addEventListener("click", async () => {
    const code = document.getElementById("again");
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = "Copied";
    } catch {
      // A page opened from a file may not write to the clipboard: select the line instead.
      getSelection().selectAllChildren(code);
      copy.textContent = "Selected";
    }
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  });

  function config() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const font = "system-ui, sans-serif";
    return {
      font,
      range: { category: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => colour(`s${n}`)) },
      axis: {
        gridColor: colour("rule"), gridOpacity: 0.7, domainColor: colour("rule"), tickColor: colour("rule"),
        labelColor: colour("soft"), titleColor: colour("soft"), titleFontWeight: 500, labelFont: font, titleFont: font,
        labelFontSize: 12, titleFontSize: 12,
      },
      axisX: { grid: false },
      style: { fault: { color: colour("fault"), fillOpacity: 0.15 } },
    };
  }

  async function draw(place) {
    const specification = structuredClone(data.charts[place.dataset.chart]);
    const options = { actions: false, renderer: "canvas", config: config() };
    if (matchMedia("(prefers-color-scheme: dark)").matches) options.tooltip = { theme: "dark" };
    await window.vegaEmbed(place, specification, options);
    place.dataset.drawn = "yes";
  }
  async function charts() {
    for (const place of document.querySelectorAll("[data-chart]")) await draw(place);
  }
  if (window.vegaEmbed) {
    charts();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", charts);
  }
})();
