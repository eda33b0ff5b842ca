"""The core path in the engines that Playwright cannot drive here: Debian's Firefox and WebKitGTK."""
