// The copy button and the charts of a comparison.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  copies(document.getElementById("copy"), document.getElementById("again"));
  charts(data.charts, () => ({
    range: { category: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => colour(`s${n}`)) },
  }));
})();
