// The model of this package, ready to write.

import { load as load_source } from "./charrnn.js";
import model from "./model.js";

export { LanguageModel } from "./charrnn.js";
export const load = () => load_source(model);
