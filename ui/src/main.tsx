/** The page: settings before the first paint, then the shell, then the stream. */
import "./style.css";
import { render } from "preact";
import { start } from "./live";
import { follow } from "./route";
import { Shell } from "./views/Shell";

const root = document.getElementById("app");
if (root) render(<Shell />, root);
follow();
start();
