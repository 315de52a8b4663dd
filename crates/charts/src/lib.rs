//! Numbers that people compare, as a picture: in the terminal and as SVG.
