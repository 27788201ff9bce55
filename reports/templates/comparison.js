// The copy button of a comparison.
copies(document.getElementById("copy"), document.getElementById("again"));
