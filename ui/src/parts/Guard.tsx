/** Around a view: what is wrong in it is said in its place, and the rest of the page goes on. */
import { Component, type ComponentChildren } from "preact";
import { t } from "../text";

interface Props {
  /** Where the viewer is: elsewhere it is tried anew. */
  readonly place: string;
  readonly children: ComponentChildren;
}

export class Guard extends Component<Props, { fault: string }> {
  override state = { fault: "" };

  static override getDerivedStateFromError(error: unknown): { fault: string } {
    return { fault: String(error) };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override componentDidUpdate(before: Props): void {
    if (this.state.fault && before.place !== this.props.place) this.setState({ fault: "" });
  }

  override render({ children }: Props, { fault }: { fault: string }): ComponentChildren {
    if (!fault) return children;
    return (
      <p class="fault" role="alert">
        {t("page.broken", { reason: fault })}{" "}
        <button type="button" onClick={() => this.setState({ fault: "" })}>
          {t("list.again")}
        </button>
      </p>
    );
  }
}
