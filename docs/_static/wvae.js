// A box that scrolls can be reached with the keyboard.
const reach = () => {
  for (const box of document.querySelectorAll("pre, .table-wrapper, .equation, table.dataframe")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("load", reach);
addEventListener("resize", reach);
