/** The page: settings before the first paint, then the shell, then the stream. */
import "./style.css";
import { render } from "preact";
import { start } from "./live";
import { follow } from "./route";
import { install } from "./text/plain";
import { Shell } from "./views/Shell";

install();
const root = document.getElementById("app");
if (root) render(<Shell />, root);
follow();
start();
