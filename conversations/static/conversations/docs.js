"use strict";

SwaggerUIBundle({
  url: "/api/schema",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  filter: true,
  // The schemas are in the operations that use them; a list of them all makes the page long.
  defaultModelsExpandDepth: -1,
  tryItOutEnabled: true,
  // A key is not kept beyond the page, and the document is sent to nobody for validation.
  persistAuthorization: false,
  validatorUrl: null,
});
