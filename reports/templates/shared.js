// What the scripts of all pages share: the button that copies a line, and charts in the page's colours.
"use strict";

function copies(button, code) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      // A page opened from a file may not write to the clipboard: select the line instead.
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

// The colour of that name in the page's style sheet.
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Draws every chart in its place, again when light turns to dark; `own` gives what a page adds.
function charts(specifications, own) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  function config() {
    const font = "system-ui, sans-serif";
    const mine = own();
    return {
      ...mine,
      font,
      axis: {
        gridColor: colour("rule"), gridOpacity: 0.7, domainColor: colour("rule"), tickColor: colour("rule"),
        labelColor: colour("soft"), titleColor: colour("soft"), titleFontWeight: 500, labelFont: font, titleFont: font,
        labelFontSize: 12, titleFontSize: 12,
      },
      axisX: { grid: false },
      style: { fault: { color: colour("fault"), fillOpacity: 0.15 }, ...mine.style },
    };
  }
  async function draw() {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const options = { actions: false, renderer: "canvas", config: config() };
      if (dark.matches) options.tooltip = { theme: "dark" };
      await window.vegaEmbed(place, structuredClone(specifications[place.dataset.chart]), options);
      place.dataset.drawn = "yes";
    }
  }
  if (window.vegaEmbed) {
    draw();
    dark.addEventListener("change", draw);
  }
}
