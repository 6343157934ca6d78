export const Facets = () => null; export const facetState = () => ({}); export const facetValuesOf = () => ({}); export const filterClauses = () => [];
