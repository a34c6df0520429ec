// Starts Swagger UI with FastAPI's settings. What differs between services stands in the attributes of
// the script element: a policy that allows no inline script needs no exception for it.
"use strict";
{
  const { openapiUrl, oauth2RedirectUrl } = document.currentScript.dataset;
  document.body.style.margin = "0";
  if (typeof SwaggerUIBundle === "undefined") {
    document.getElementById("swagger-ui").textContent =
      "Swagger UI could not be loaded; the browser's console says why. The document itself is at " + openapiUrl;
  } else {
    window.ui = SwaggerUIBundle({
      url: openapiUrl,
      dom_id: "#swagger-ui",
      layout: "BaseLayout",
      deepLinking: true,
      showExtensions: true,
      showCommonExtensions: true,
      oauth2RedirectUrl: new URL(oauth2RedirectUrl, location.href).href,
      presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
      validatorUrl: null,  // would send the document to somebody else
    });
  }
}
