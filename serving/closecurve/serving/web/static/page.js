// Draws every figure that the page carries as JSON. The tables hold the same numbers without it.
"use strict";
(() => {
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 560px)");
  const settings = { displayModeBar: false, responsive: true };

  // A text that begins with "--" names a property of the style sheet and stands for its value.
  const withStyle = (node, style) => {
    if (typeof node === "string") {
      return node.startsWith("--") ? style.getPropertyValue(node).trim() : node;
    }
    if (Array.isArray(node)) {
      return node.map((child) => withStyle(child, style));
    }
    if (node !== null && typeof node === "object") {
      return Object.fromEntries(
        Object.entries(node).map(([key, child]) => [key, withStyle(child, style)]),
      );
    }
    return node;
  };

  const draw = () => {
    const style = window.getComputedStyle(document.documentElement);
    for (const block of document.querySelectorAll("script.figure")) {
      const figure = withStyle(JSON.parse(block.textContent), style);
      window.Plotly.react(block.dataset.target, figure.data, figure.layout, settings);
    }
  };

  draw();
  scheme.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
})();
