// Starts Redoc. What differs between services stands in the attributes of the script element.
"use strict";
{
  const { openapiUrl } = document.currentScript.dataset;
  const container = document.getElementById("redoc");
  document.body.style.margin = "0";

  // The one thing that Redoc loads from elsewhere is a picture beside its maker's name, which the page's
  // policy forbids. It is told at once that there is none, as it is where the network is missing.
  const images = HTMLImageElement.prototype;
  const setAttribute = images.setAttribute;
  images.setAttribute = function (name, value) {
    if (name === "src" && String(value).startsWith("https://cdn.redoc.ly/")) {
      queueMicrotask(() => this.dispatchEvent(new Event("error")));
    } else {
      setAttribute.call(this, name, value);
    }
  };
  const src = Object.getOwnPropertyDescriptor(images, "src");
  Object.defineProperty(images, "src", { ...src, set(value) { this.setAttribute("src", value); } });

  if (typeof Redoc === "undefined") {
    container.textContent =
      "Redoc could not be loaded; the browser's console says why. The document itself is at " + openapiUrl;
  } else {
    Redoc.init(openapiUrl, {}, container);
  }
}
