//! Pictures as SVG: one document, without anything from elsewhere.

use svg::Document;
use svg::node::element::{Circle, Description, Line, Polyline, Rectangle, Text, Title};

use super::scale::{Ticks, days_after, to_float};
use super::{Point, Unit, Waterfall, runs};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 930.0;
const LINE: (f64, f64) = (70.0, 300.0);
const FALL: (f64, f64) = (390.0, 600.0);
const INK: &str = "#1f2933";
const PALE: &str = "#d9e2ec";
const BLUE: &str = "#2563eb";
const GREEN: &str = "#15803d";
const RED: &str = "#b91c1c";

/// The number over the days, and below it what moved it.
pub fn history(title: &str, points: &[Point], whole: Option<&Waterfall>, unit: Unit) -> String {
    let height = if whole.is_some() { 660.0 } else { 350.0 };
    let about = match (
        points.iter().find_map(|point| point.amount),
        points.iter().rev().find_map(|point| point.amount),
    ) {
        (Some(first), Some(last)) => format!("From {} to {}.", unit.exact(first), unit.exact(last)),
        _ => "No number is known.".to_owned(),
    };
    let document = Document::new()
        .set("viewBox", (0, 0, WIDTH, height))
        .set("width", WIDTH)
        .set("height", height)
        .set("role", "img")
        .set("font-family", "system-ui, sans-serif")
        .set("font-size", 13)
        .add(Title::new(title))
        .add(Description::new().add(svg::node::Text::new(about)))
        .add(
            Rectangle::new()
                .set("width", WIDTH)
                .set("height", height)
                .set("fill", "#ffffff"),
        )
        .add(
            words(title, LEFT, 36.0, "start")
                .set("font-size", 18)
                .set("font-weight", 600),
        );
    let document = line(document, points, unit);
    let document = match whole {
        Some(whole) => waterfall(document, whole, unit),
        None => document,
    };
    document.to_string()
}

fn words(text: &str, x: f64, y: f64, anchor: &str) -> Text {
    Text::new(text)
        .set("x", place(x))
        .set("y", place(y))
        .set("text-anchor", anchor)
        .set("fill", INK)
}

/// A place with one digit: more is not seen, and the same picture is the same text.
fn place(at: f64) -> f64 {
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

fn line(document: Document, points: &[Point], unit: Unit) -> Document {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return document;
    };
    let ticks = Ticks::over(points.iter().filter_map(|point| point.amount), 4);
    let mut document = axis(document, &ticks, unit, LINE);
    let days = to_float(days_after(first.date, last.date).max(1));
    let x = |date| LEFT + to_float(days_after(first.date, date)) / days * (RIGHT - LEFT);
    let at = |date, amount| (place(x(date)), place(height_of(&ticks, amount, LINE)));
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
            .set("stroke-width", 2)
            .set("stroke-linejoin", "round");
        document = document.add(drawn);
    }
    for point in points {
        let Some(amount) = point.amount else { continue };
        // Of many days only the ends and what is not whole have a dot.
        let is_end = point.date == first.date || point.date == last.date;
        if point.complete && !is_end && points.len() > 40 {
            continue;
        }
        let (x, y) = at(point.date, amount);
        let state = if point.complete { "" } else { ", incomplete" };
        let told = format!("{}: {}{state}", point.date, unit.exact(amount));
        let dot = Circle::new()
            .set("cx", x)
            .set("cy", y)
            .set("r", if point.complete { 3 } else { 4 })
            .set("stroke", BLUE)
            .set("stroke-width", 2)
            .set("fill", if point.complete { BLUE } else { "#ffffff" })
            .add(Title::new(told));
        document = document.add(dot);
    }
    document
        .add(words(&first.date.to_string(), LEFT, LINE.1 + 24.0, "start"))
        .add(words(&last.date.to_string(), RIGHT, LINE.1 + 24.0, "end"))
}

fn waterfall(document: Document, whole: &Waterfall, unit: Unit) -> Document {
    let bars = whole.bars();
    let ticks = Ticks::over(bars.iter().flat_map(|bar| [bar.from, bar.to]).chain([0]), 4);
    let mut document = axis(document, &ticks, unit, FALL);
    let count = to_float(i128::try_from(bars.len()).unwrap_or(1).max(1));
    let each = (RIGHT - LEFT) / count;
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
            .add(words(&bar.label(unit), middle, from.min(to) - 6.0, "middle").set("font-size", 11))
            .add(words(bar.name, middle, FALL.1 + 22.0, "middle"));
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
            for (name, most) in [("x", WIDTH), ("cx", WIDTH), ("y", 660.0), ("cy", 660.0)] {
                if let Some(at) = node.attribute(name) {
                    let at: f64 = at.parse().unwrap();
                    assert!((0.0..=most).contains(&at), "{node:?}");
                }
            }
        }
    }
}
