// The explorer in a live notebook: a frame with the page, and the number of y that both look at.
function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.srcdoc = model.get("page");
  frame.title = "hwio explorer";
  frame.setAttribute("sandbox", "allow-scripts allow-downloads allow-modals");
  frame.allow = "clipboard-write";
  frame.style.cssText = `width:100%;border:0;height:${model.get("height")}px`;
  let ready = false; // the page has said where it opened
  let heard = false; // what changes now comes from the page
  const go = () => {
    if (!heard) frame.contentWindow?.postMessage({ hwio: "go", at: model.get("at") }, "*");
  };
  const hear = ({ source, data }) => {
    if (source !== frame.contentWindow || data?.hwio !== "at") return;
    const same = String(data.at) === String(model.get("at"));
    if (!ready && !same) go(); // shown again after it moved: Python knows better
    else if (!same) {
      heard = true;
      model.set("at", data.at);
      heard = false;
      model.save_changes();
    }
    ready = true;
  };
  addEventListener("message", hear);
  model.on("change:at", go);
  el.append(frame);
  return () => {
    removeEventListener("message", hear);
    model.off("change:at", go);
  };
}

export default { render };
