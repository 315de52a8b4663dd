//! A table of shares as a heat map: rows of cells, each the darker the larger its share.

use std::fmt::Write as _;

use svg::Document;
use svg::node::element::{Rectangle, Title};

use super::scale::count;
use super::svg::{INK, canvas, place, words};

/// A heat map. Every row has its cells from the first column on; what is not known is left empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeatMap {
    /// What it shows.
    pub title: String,
    /// How to read it, in a sentence below the title.
    pub note: String,
    /// What the rows are, above their names.
    pub corner: String,
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<HeatRow>,
}

/// A row of a heat map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeatRow {
    /// Its name.
    pub name: String,
    /// Its cells.
    pub cells: Vec<Option<Cell>>,
}

/// A cell of a heat map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Its share in tenths of a percent: 1000 is all of it. What is beyond is drawn as all.
    pub permille: u32,
    /// What is written in it.
    pub label: String,
    /// What is said of it where there is room.
    pub about: String,
}

/// The cells' shades on a terminal, from none to all.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

impl Cell {
    fn shade(&self) -> char {
        let place = usize::try_from(self.permille.min(1_000) * 4 / 1_000).unwrap_or_default();
        SHADES.get(place).copied().unwrap_or(' ')
    }

    /// A shade, a blank and the label.
    fn wide(&self) -> String {
        format!("{} {:>5}", self.shade(), self.label)
    }

    /// A shade and the label's number.
    fn narrow(&self) -> String {
        format!("{}{:>3}", self.shade(), self.label.trim_end_matches(" %"))
    }

    /// From white to a dark blue.
    fn color(&self) -> String {
        let mix =
            |from: u32, to: u32| (from * (1_000 - self.permille.min(1_000)) + to * self.permille.min(1_000)) / 1_000;
        format!("#{:02x}{:02x}{:02x}", mix(0xef, 0x1d), mix(0xf4, 0x4e), mix(0xfb, 0xa8))
    }
}

impl HeatMap {
    /// The map as characters, `width` wide: a shade beside each label. Where it does not fit, labels go without their
    /// unit, and columns that still do not fit are left out and counted.
    pub fn terminal(&self, width: u16) -> String {
        let width = usize::from(width);
        let names = self.rows.iter().map(|row| row.name.chars().count());
        let name = names.chain([self.corner.chars().count()]).max().unwrap_or(0);
        let columns = self.columns.len();
        let wide = self.cell_width(Cell::wide);
        if name + columns * (wide + 2) <= width {
            return self.lines(name, wide, "  ", columns, Cell::wide).join("\n");
        }
        let narrow = self.cell_width(Cell::narrow);
        let fitting = (width.saturating_sub(name) / (narrow + 1)).clamp(1, columns.max(1));
        let mut lines = self.lines(name, narrow, " ", fitting, Cell::narrow);
        if fitting < columns {
            let left = columns - fitting;
            lines.push(format!(
                "... and {left} more column{}",
                if left == 1 { "" } else { "s" }
            ));
        }
        lines.join("\n")
    }

    fn cell_width(&self, written: fn(&Cell) -> String) -> usize {
        let cells = self.rows.iter().flat_map(|row| row.cells.iter().flatten());
        let cells = cells.map(|cell| written(cell).chars().count());
        cells
            .chain(self.columns.iter().map(|column| column.chars().count()))
            .max()
            .unwrap_or(0)
    }

    fn lines(&self, name: usize, cell: usize, gap: &str, columns: usize, written: fn(&Cell) -> String) -> Vec<String> {
        let line = |title: &str, cells: Vec<String>| {
            let mut line = format!("{title:<name$}");
            for text in cells.iter().take(columns) {
                _ = write!(line, "{gap}{text:>cell$}");
            }
            line.trim_end().to_owned()
        };
        let mut lines = vec![line(&self.corner, self.columns.clone())];
        for row in &self.rows {
            let cells = row
                .cells
                .iter()
                .map(|cell| cell.as_ref().map(written).unwrap_or_default());
            lines.push(line(&row.name, cells.collect()));
        }
        lines
    }

    /// The map as SVG, 16 to 9.
    pub fn svg(&self) -> String {
        const WIDTH: f64 = 1_280.0;
        const HEIGHT: f64 = 720.0;
        const TOP: f64 = 150.0;
        const LEFT: f64 = 40.0;
        let longest = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let left = LEFT + 9.0 * count(longest.max(self.corner.chars().count())) + 16.0;
        let across = (WIDTH - left - LEFT) / count(self.columns.len().max(1));
        let down = ((HEIGHT - TOP - 40.0) / count(self.rows.len().max(1))).min(48.0);
        // Labels fit their cells, or are left to the cells' titles.
        let size = (across / 4.2).min(down * 0.55).min(15.0);
        let mut document = canvas(&self.title, &self.note, WIDTH, HEIGHT);
        document = document
            .add(
                words(&self.title, LEFT, 56.0, "start")
                    .set("font-size", 28)
                    .set("font-weight", 600),
            )
            .add(words(&self.note, LEFT, 90.0, "start").set("font-size", 16))
            .add(words(&self.corner, LEFT, TOP - 14.0, "start").set("font-size", 15));
        // As many of the names as have room beside one another.
        let widest = self
            .columns
            .iter()
            .map(|column| column.chars().count())
            .max()
            .unwrap_or(0);
        let every = ((9.0 * count(widest) + 12.0) / across).ceil().max(1.0);
        for (number, column) in self.columns.iter().enumerate() {
            if count(number) % every == 0.0 {
                let x = left + across * (count(number) + 0.5);
                document = document.add(words(column, x, TOP - 14.0, "middle").set("font-size", 14));
            }
        }
        // What the colors mean.
        for (number, permille) in [0, 250, 500, 750, 1_000].into_iter().enumerate() {
            let sample = Cell {
                permille,
                label: format!("{} %", permille / 10),
                about: format!("{} %", permille / 10),
            };
            let x = WIDTH - LEFT - 5.0 * 56.0 + 56.0 * count(number);
            document = draw(document, &sample, (x, 74.0), (56.0, 24.0), 12.0);
        }
        for (number, row) in self.rows.iter().enumerate() {
            let y = TOP + down * count(number);
            document = document.add(words(&row.name, LEFT, y + down * 0.62, "start").set("font-size", 15));
            for (number, cell) in row.cells.iter().enumerate() {
                let Some(cell) = cell else { continue };
                let x = left + across * count(number);
                document = draw(document, cell, (x, y), (across, down), size);
            }
        }
        document.to_string()
    }
}

fn draw(document: Document, cell: &Cell, (x, y): (f64, f64), (across, down): (f64, f64), size: f64) -> Document {
    let drawn = Rectangle::new()
        .set("x", place(x + 1.0))
        .set("y", place(y + 1.0))
        .set("width", place((across - 2.0).max(1.0)))
        .set("height", place((down - 2.0).max(1.0)))
        .set("fill", cell.color())
        .add(Title::new(cell.about.clone()));
    let document = document.add(drawn);
    if size < 8.0 {
        return document;
    }
    // White on dark.
    let ink = if cell.permille > 550 { "#ffffff" } else { INK };
    let label = words(&cell.label, x + across / 2.0, y + down * 0.5 + size * 0.36, "middle");
    document.add(label.set("font-size", place(size)).set("fill", ink))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(title: &str) -> HeatMap {
        let cell = |permille: u32| {
            Some(Cell {
                permille,
                label: format!("{} %", permille / 10),
                about: format!("{permille} of 1000"),
            })
        };
        HeatMap {
            title: title.to_owned(),
            note: "customers who still pay".to_owned(),
            corner: "COHORT".to_owned(),
            columns: vec!["0".to_owned(), "1".to_owned(), "2".to_owned()],
            rows: vec![
                HeatRow {
                    name: "2026-01".to_owned(),
                    cells: vec![cell(1_000), cell(500), cell(40)],
                },
                HeatRow {
                    name: "2026-02".to_owned(),
                    cells: vec![cell(1_250), None],
                },
            ],
        }
    }

    #[test]
    fn on_a_terminal_a_shade_stands_beside_each_label() {
        let expected = "\
COHORT         0        1       2
2026-01  █ 100 %  ▒  50 %    4 %
2026-02  █ 125 %";
        let found = map("Retention").terminal(80);
        let squeezed = |text: &str| {
            text.lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
        };
        assert_eq!(squeezed(&found), squeezed(expected), "{found}");
        let rows: Vec<&str> = found.lines().collect();
        let ends = |row: &str, of: fn(char) -> bool| {
            let places = row.chars().enumerate().filter(|(_, c)| of(*c));
            places.map(|(place, _)| place).collect::<Vec<_>>()
        };
        let columns = ends(rows[0], |c| c.is_ascii_digit());
        assert_eq!(columns, ends(rows[1], |c| c == '%'), "{found}");
    }

    #[test]
    fn what_does_not_fit_is_narrower_and_then_left_out() {
        let narrow = map("Retention").terminal(24);
        assert_eq!(narrow.lines().nth(1), Some("2026-01 █100 ▒ 50    4"), "{narrow}");
        let cut = map("Retention").terminal(18);
        assert_eq!(cut.lines().nth(1), Some("2026-01 █100 ▒ 50"), "{cut}");
        assert!(cut.ends_with("... and 1 more column"), "{cut}");
    }

    #[test]
    fn as_svg_it_is_whole_and_sixteen_to_nine() {
        let text = map("Retention of <us> & \"them\"").svg();
        let document = roxmltree::Document::parse(&text).unwrap();
        let root = document.root_element();
        let size = ["width", "height"].map(|name| root.attribute(name).unwrap().to_owned());
        assert_eq!(size, ["1280", "720"]);
        let texts: Vec<&str> = document
            .descendants()
            .filter_map(|node| node.text().map(str::trim))
            .collect();
        for expected in [
            "Retention of <us> & \"them\"",
            "2026-02",
            "50 %",
            "500 of 1000",
            "125 %",
        ] {
            assert!(texts.contains(&expected), "{expected}: {texts:?}");
        }
        for node in document.descendants() {
            for (name, most) in [("x", 1_280.0), ("y", 720.0)] {
                if let Some(at) = node.attribute(name) {
                    let at: f64 = at.parse().unwrap();
                    assert!((0.0..=most).contains(&at), "{node:?}");
                }
            }
        }
    }

    #[test]
    fn an_empty_map_is_a_picture_too() {
        let empty = HeatMap {
            rows: Vec::new(),
            columns: Vec::new(),
            ..map("Nothing")
        };
        assert!(roxmltree::Document::parse(&empty.svg()).is_ok());
        assert_eq!(empty.terminal(80), "COHORT");
    }
}
