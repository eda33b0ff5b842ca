"""The steps that turn npm packages, the page's code and the client's Python into static/dist (docs/assets.md)."""
