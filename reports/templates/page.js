// The copy button, sentences and arrows that light each other, and the charts.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  const copy = document.getElementById("copy");
  if (copy) {
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
  }

  for (const element of document.querySelectorAll("[data-edge]")) {
    const both = document.querySelectorAll(`[data-edge="${element.dataset.edge}"]`);
    const light = (on) => both.forEach((one) => one.classList.toggle("lit", on));
    for (const event of ["pointerenter", "focus"]) element.addEventListener(event, () => light(true));
    for (const event of ["pointerleave", "blur"]) element.addEventListener(event, () => light(false));
  }

  // --- charts ----------------------------------------------------------------------------------

  function config() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const font = "system-ui, sans-serif";
    return {
      font,
      range: { category: [colour("ok"), colour("fail"), colour("info")] },
      axis: {
        gridColor: colour("rule"), gridOpacity: 0.7, domainColor: colour("rule"), tickColor: colour("rule"),
        labelColor: colour("soft"), titleColor: colour("soft"), titleFontWeight: 500, labelFont: font, titleFont: font,
        labelFontSize: 12, titleFontSize: 12,
      },
      axisX: { grid: false },
      legend: { labelColor: colour("ink"), labelFontSize: 12, orient: "top", columns: 3 },
      style: {
        fault: { color: colour("fault"), fillOpacity: 0.15 },
        percentile: { color: colour("ink"), strokeWidth: 1.5 },
      },
    };
  }

  async function charts() {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const specification = data.charts[place.dataset.chart];
      const options = { actions: false, renderer: "canvas", config: config() };
      if (matchMedia("(prefers-color-scheme: dark)").matches) options.tooltip = { theme: "dark" };
      await window.vegaEmbed(place, structuredClone(specification), options);
      place.dataset.drawn = "yes";
    }
  }
  if (window.vegaEmbed) {
    charts();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", charts);
  }
})();
