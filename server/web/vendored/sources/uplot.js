// uPlot, as one module.
export { default } from "uplot";
