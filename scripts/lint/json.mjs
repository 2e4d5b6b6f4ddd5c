// Lets node import a .json file that was imported without `with { type: "json" }`.
export const load = (url, context, next) =>
  next(url, url.endsWith(".json") ? { ...context, importAttributes: { type: "json" } } : context);
