//! Pictures as SVG: one document, without anything from elsewhere.

use svg::Document;
use svg::node::element::{Circle, Description, Line, Polyline, Rectangle, Text, Title};

use super::scale::{Ticks, count, days_after, to_float};
use super::{Point, Unit, Waterfall, runs};

/// As wide and as high as a slide.
const WIDTH: f64 = 1_280.0;
const HEIGHT: f64 = 720.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 1_240.0;
/// Where the line is drawn, where bars are below it, and where there are none.
const LINE: (f64, f64) = (138.0, 372.0);
const LINE_ALONE: (f64, f64) = (138.0, 650.0);
const FALL: (f64, f64) = (470.0, 658.0);
pub(crate) const INK: &str = "#1f2933";
const PALE: &str = "#d9e2ec";
const BLUE: &str = "#2563eb";
const GREEN: &str = "#15803d";
const RED: &str = "#b91c1c";

/// The number over the days, and below it what moved it: 16 to 9, fit for a slide.
pub fn history(title: &str, points: &[Point], whole: Option<&Waterfall>, unit: Unit) -> String {
    let about = match (
        points.iter().find_map(|point| point.amount),
        points.iter().rev().find_map(|point| point.amount),
    ) {
        (Some(first), Some(last)) => format!("From {} to {}.", unit.exact(first), unit.exact(last)),
        _ => "No number is known.".to_owned(),
    };
    let document = canvas(title, &about, WIDTH, HEIGHT)
        .add(
            words(title, LEFT, 52.0, "start")
                .set("font-size", 28)
                .set("font-weight", 600),
        )
        .add(words(&about, LEFT, 84.0, "start").set("font-size", 17));
    let hollow = match (
        points.iter().any(|point| !point.complete),
        points.iter().any(|point| point.reconstructed),
    ) {
        (true, true) => Some("a day that is incomplete or was reconstructed"),
        (true, false) => Some("a day that is incomplete"),
        (false, true) => Some("a day that was reconstructed"),
        (false, false) => None,
    };
    let mut legend = vec![("a day", Mark::Dot(BLUE))];
    legend.extend(hollow.map(|name| (name, Mark::Dot("#ffffff"))));
    let document = key(document, &legend, 114.0);
    let document = line(document, points, unit, if whole.is_some() { LINE } else { LINE_ALONE });
    let document = match whole {
        Some(whole) => {
            let legend = [
                ("opening and closing", Mark::Square(BLUE)),
                ("added", Mark::Square(GREEN)),
                ("lost", Mark::Square(RED)),
            ];
            waterfall(key(document, &legend, 436.0), whole, unit)
        }
        None => document,
    };
    document.to_string()
}

/// An empty picture that says what it shows.
pub(crate) fn canvas(title: &str, about: &str, width: f64, height: f64) -> Document {
    Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .set("role", "img")
        .set("font-family", "system-ui, sans-serif")
        .set("font-size", 15)
        .add(Title::new(title))
        .add(Description::new().add(svg::node::Text::new(about)))
        .add(
            Rectangle::new()
                .set("width", width)
                .set("height", height)
                .set("fill", "#ffffff"),
        )
}

/// What stands for something in the legend.
enum Mark {
    Dot(&'static str),
    Square(&'static str),
}

/// A legend, from the left.
fn key(mut document: Document, entries: &[(&str, Mark)], y: f64) -> Document {
    let mut x = LEFT;
    for (name, mark) in entries {
        document = match mark {
            Mark::Dot(fill) => document.add(
                Circle::new()
                    .set("cx", place(x + 6.0))
                    .set("cy", place(y - 5.0))
                    .set("r", 5)
                    .set("stroke", BLUE)
                    .set("stroke-width", 2)
                    .set("fill", *fill),
            ),
            Mark::Square(fill) => document.add(
                Rectangle::new()
                    .set("x", place(x))
                    .set("y", place(y - 12.0))
                    .set("width", 13)
                    .set("height", 13)
                    .set("fill", *fill),
            ),
        };
        document = document.add(words(name, x + 20.0, y, "start"));
        x += 48.0 + 8.5 * count(name.chars().count());
    }
    document
}

pub(crate) fn words(text: &str, x: f64, y: f64, anchor: &str) -> Text {
    Text::new(text)
        .set("x", place(x))
        .set("y", place(y))
        .set("text-anchor", anchor)
        .set("fill", INK)
}

/// A place with one digit: more is not seen, and the same picture is the same text.
pub(crate) fn place(at: f64) -> f64 {
    (at * 10.0).round() / 10.0
}

fn axis(mut document: Document, ticks: &Ticks, unit: Unit, (top, bottom): (f64, f64)) -> Document {
    let labels = unit.labels(&ticks.amounts, ticks.step);
    for (amount, label) in ticks.amounts.iter().zip(labels) {
        let y = height_of(ticks, *amount, (top, bottom));
        let rule = Line::new()
            .set("x1", LEFT)
            .set("x2", RIGHT)
            .set("y1", place(y))
            .set("y2", place(y))
            .set("stroke", PALE);
        document = document.add(rule).add(words(&label, LEFT - 10.0, y + 4.0, "end"));
    }
    document
}

fn height_of(ticks: &Ticks, amount: i128, (top, bottom): (f64, f64)) -> f64 {
    bottom - ticks.share(amount) * (bottom - top)
}

fn line(document: Document, points: &[Point], unit: Unit, within: (f64, f64)) -> Document {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return document;
    };
    let ticks = Ticks::over(points.iter().filter_map(|point| point.amount), 4);
    let mut document = axis(document, &ticks, unit, within);
    let days = to_float(days_after(first.date, last.date).max(1));
    let x = |date| LEFT + to_float(days_after(first.date, date)) / days * (RIGHT - LEFT);
    let at = |date, amount| (place(x(date)), place(height_of(&ticks, amount, within)));
    for run in runs(points) {
        let corners: Vec<String> = run
            .iter()
            .map(|(date, amount)| {
                let (x, y) = at(*date, *amount);
                format!("{x},{y}")
            })
            .collect();
        let drawn = Polyline::new()
            .set("points", corners.join(" "))
            .set("fill", "none")
            .set("stroke", BLUE)
            .set("stroke-width", 3)
            .set("stroke-linejoin", "round");
        document = document.add(drawn);
    }
    for point in points {
        let Some(amount) = point.amount else { continue };
        // Of many days only the ends and what is not whole have a dot.
        let is_end = point.date == first.date || point.date == last.date;
        if point.is_solid() && !is_end && points.len() > 40 {
            continue;
        }
        let (x, y) = at(point.date, amount);
        let state = match (point.complete, point.reconstructed) {
            (true, false) => "",
            (false, false) => ", incomplete",
            (true, true) => ", reconstructed",
            (false, true) => ", reconstructed, incomplete",
        };
        let told = format!("{}: {}{state}", point.date, unit.exact(amount));
        let dot = Circle::new()
            .set("cx", x)
            .set("cy", y)
            .set("r", if point.is_solid() { 4 } else { 5 })
            .set("stroke", BLUE)
            .set("stroke-width", 2)
            .set("fill", if point.is_solid() { BLUE } else { "#ffffff" })
            .add(Title::new(told));
        document = document.add(dot);
    }
    document
        .add(words(&first.date.to_string(), LEFT, within.1 + 26.0, "start"))
        .add(words(&last.date.to_string(), RIGHT, within.1 + 26.0, "end"))
}

fn waterfall(document: Document, whole: &Waterfall, unit: Unit) -> Document {
    let bars = whole.bars();
    let ticks = Ticks::over(bars.iter().flat_map(|bar| [bar.from, bar.to]).chain([0]), 4);
    let mut document = axis(document, &ticks, unit, FALL);
    let each = (RIGHT - LEFT) / count(bars.len().max(1));
    for (number, bar) in (0_i32..).zip(&bars) {
        let middle = LEFT + each * (f64::from(number) + 0.5);
        let (from, to) = (height_of(&ticks, bar.from, FALL), height_of(&ticks, bar.to, FALL));
        let fill = match (bar.is_step, bar.to < bar.from) {
            (false, _) => BLUE,
            (true, false) => GREEN,
            (true, true) => RED,
        };
        let drawn = Rectangle::new()
            .set("x", place(middle - each * 0.35))
            .set("y", place(from.min(to)))
            .set("width", place(each * 0.7))
            .set("height", place((from - to).abs().max(1.0)))
            .set("fill", fill)
            .add(Title::new(format!("{}: {}", bar.name, bar.label(unit))));
        document = document
            .add(drawn)
            .add(words(&bar.label(unit), middle, from.min(to) - 6.0, "middle").set("font-size", 14))
            .add(words(bar.name, middle, FALL.1 + 26.0, "middle"));
    }
    document
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use jiff::civil::date;

    use super::*;

    fn picture(title: &str) -> String {
        let point = |day, amount, complete| Point {
            date: date(2026, 3, day),
            amount,
            complete,
            reconstructed: false,
        };
        let points = [
            point(1, Some(1_000), true),
            point(2, Some(1_500), false),
            point(4, Some(500), true),
        ];
        let steps = vec![("new".to_owned(), 500), ("churn".to_owned(), -1_000)];
        let whole = Waterfall::new(1_000, steps, 500).unwrap();
        history(title, &points, Some(&whole), Unit::UsCents)
    }

    #[test]
    fn it_is_xml_that_says_what_it_shows() {
        let text = picture("MRR <of> \"us\" & them");
        let document = roxmltree::Document::parse(&text).unwrap();
        let said = |name: &str| {
            let found = document
                .descendants()
                .find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", name)));
            found
                .and_then(|node| node.text().map(str::to_owned))
                .unwrap_or_default()
        };
        assert_eq!(said("title"), "MRR <of> \"us\" & them");
        assert_eq!(said("desc"), "From $10.00 to $5.00.");
        let texts: Vec<&str> = document
            .descendants()
            .filter_map(|node| node.text().map(str::trim))
            .collect();
        for expected in [
            "2026-03-01",
            "2026-03-04",
            "opening",
            "+$5.00",
            "-$10.00",
            "2026-03-02: $15.00, incomplete",
        ] {
            assert!(texts.contains(&expected), "{expected}: {texts:?}");
        }
        assert!(
            !text.contains("http") || text.matches("http").count() == 1,
            "only the namespace is an address"
        );
    }

    #[test]
    fn the_same_numbers_are_the_same_picture() {
        assert_eq!(picture("MRR"), picture("MRR"));
        assert_snapshot!(picture("MRR"));
    }

    #[test]
    fn everything_lies_on_the_picture() {
        let text = picture("MRR");
        let document = roxmltree::Document::parse(&text).unwrap();
        for node in document.descendants() {
            for (name, most) in [("x", WIDTH), ("cx", WIDTH), ("y", HEIGHT), ("cy", HEIGHT)] {
                if let Some(at) = node.attribute(name) {
                    let at: f64 = at.parse().unwrap();
                    assert!((0.0..=most).contains(&at), "{node:?}");
                }
            }
        }
    }
}
