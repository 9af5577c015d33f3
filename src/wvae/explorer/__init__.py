"""The explorer: a page that shows a model and its data, and the local server of the page."""
