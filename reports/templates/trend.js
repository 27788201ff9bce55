// The charts of a trend, in the page's colours.
charts(JSON.parse(document.getElementById("data").textContent).charts, () => ({
  legend: { labelColor: colour("ink"), labelFontSize: 12, orient: "top", columns: 3 },
}));
