//! Small pictures inside of pages: shapes with classes, which the page's style gives their colors, and words as text of
//! the page, so that they stay readable however narrow it is.
//!
//! Classes that a style knows: `accent` and `second` for what is neither good nor bad, `good`, `waiting`, `warning`,
//! `bad` and `quiet`. Nothing is told by color alone: lines differ in their dashes, days in their height, parts of a bar
//! in their place. No picture has an id, so that a page may hold many.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};
use svg::Document;
use svg::node::element::{Path, Rectangle, Title};

use super::scale::count;
use super::svg::place;

/// How wide a picture is, in its own units; the page stretches it.
const WIDTH: f64 = 600.0;
/// What is kept free at the edges, so that no stroke is cut.
const EDGE: f64 = 3.0;
/// The height of bars by hour, and of a waterfall's bar.
const BARS: f64 = 120.0;
const STEP: f64 = 16.0;
/// The height of a day's mark, its width, and from one to the next.
const DAY: f64 = 24.0;
const DAY_WIDTH: f64 = 6.0;
const DAY_STEP: f64 = 8.0;
/// The size of a sparkline.
const SPARK: (f64, f64) = (120.0, 28.0);

/// Numbers over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineChart<'a> {
    /// What is drawn: the first has its surface shaded.
    pub series: &'a [Series<'a>],
    /// What stands below the first and the last point.
    pub labels: (&'a str, &'a str),
    /// What the highest point is called.
    pub max_label: &'a str,
    /// How high it is, in pixels.
    pub height: u32,
}

/// A row of numbers at equal distances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Series<'a> {
    /// What it is called; with several, a legend says so.
    pub name: &'a str,
    /// How it is drawn.
    pub class: &'a str,
    /// The numbers; none where it is not known, which is a gap. What is not finite is not known.
    pub points: &'a [Option<f64>],
}

/// A bar of several parts, from below.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar<'a> {
    /// What it is, such as the hour.
    pub label: &'a str,
    /// The parts: a class, and how much of it. What is less than 0 or not finite is 0.
    pub parts: &'a [(&'a str, f64)],
}

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayMark<'a> {
    /// Which day, and how it was.
    pub label: &'a str,
    /// `good` is a whole mark, `waiting` and `warning` two thirds, `bad` a third; of any other nothing is known.
    pub class: &'a str,
}

/// A step from one number to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step<'a> {
    /// What it is called, with its amount.
    pub label: &'a str,
    /// Where it begins: 0 for what stands on the ground.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How it is drawn.
    pub class: &'a str,
}

/// Lines over a ground of 0.
pub fn line(chart: &LineChart<'_>) -> String {
    lines(chart, None)
}

/// Lines over the lowest of their numbers, so that small changes of large numbers show; what the lowest is called stands
/// beside the ground.
pub fn line_above(chart: &LineChart<'_>, min_label: &str) -> String {
    lines(chart, Some(min_label))
}

fn lines(chart: &LineChart<'_>, min_label: Option<&str>) -> String {
    let all = chart.series.iter().flat_map(|series| series.points);
    let known: Vec<f64> = all.filter_map(|point| known(*point)).collect();
    let scale = Scale::over(&known, min_label.is_some());
    let height = f64::from(chart.height.clamp(24, 1_000));
    let names: Vec<&str> = chart.series.iter().map(|series| series.name).collect();
    let (first, last) = chart.labels;
    let title = format!("{}, from {first} to {last}.", names.join(" and "));
    let mut picture = canvas(&title, WIDTH, height, true);
    picture = picture.add(rule(EDGE)).add(rule(height - EDGE));
    for (number, series) in chart.series.iter().enumerate() {
        for run in runs(series.points) {
            let corners = corners(&run, series.points.len(), &scale, (WIDTH, height));
            if number == 0 && corners.len() > 1 {
                let surface = surface(&corners, height - EDGE);
                picture = picture.add(path(&surface, "surface", series.class));
            }
            picture = picture.add(stroke(&corners, series.class));
        }
    }
    let ground = min_label.unwrap_or(if scale.low < 0.0 { "" } else { "0" });
    let drawn = html! {
        @if chart.series.len() > 1 {
            ul.legend {
                @for series in chart.series { li { (sample(series.class)) (series.name) } }
            }
        }
        (framed(&picture, (chart.max_label, ground), chart.labels))
    };
    drawn.into_string()
}

/// A picture with what stands beside and below it.
fn framed(picture: &Document, (most, ground): (&str, &str), (first, last): (&str, &str)) -> Markup {
    html! {
        div.chart {
            div.axis { span { (most) } span { (ground) } }
            (PreEscaped(picture.to_string()))
            div.ends { span { (first) } span { (last) } }
        }
    }
}

/// Bars side by side, each of its parts on one another.
pub fn bars(bars: &[Bar<'_>]) -> String {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else {
        return String::new();
    };
    let whole = |bar: &Bar<'_>| bar.parts.iter().map(|(_, part)| amount(*part)).sum::<f64>();
    let most = bars.iter().map(whole).fold(0.0, f64::max);
    let title = format!("{} bars, from {} to {}.", bars.len(), first.label, last.label);
    let mut picture = canvas(&title, WIDTH, BARS, true).add(rule(EDGE)).add(rule(BARS - EDGE));
    let each = WIDTH / count(bars.len());
    for (number, bar) in bars.iter().enumerate() {
        let mut ground = BARS - EDGE;
        for (class, part) in bar.parts {
            let part = amount(*part);
            if part == 0.0 {
                continue;
            }
            // What is there at all is seen.
            let high = (part / most * (BARS - 2.0 * EDGE)).max(1.5);
            ground = (ground - high).max(0.0);
            let drawn = Rectangle::new()
                .set("class", format!("part {class}"))
                .set("x", place(each * (count(number) + 0.1)))
                .set("y", place(ground))
                .set("width", place(each * 0.8))
                .set("height", place(high))
                .add(Title::new(bar.label));
            picture = picture.add(drawn);
        }
    }
    let ends = (first.label, last.label);
    framed(&picture, (&written(most), "0"), ends).into_string()
}

/// Days side by side, as small as a line of text: for a list. What each was is told in sum.
pub fn days(days: &[DayMark<'_>]) -> String {
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return String::new();
    };
    let mut counted = String::new();
    let mut shapes = Vec::new();
    for (class, word) in DAYS {
        let of_class = days.iter().enumerate().filter(|(_, day)| kind(day.class) == class);
        let mut shape = String::new();
        let mut number = 0;
        for (at, _) in of_class {
            number += 1;
            let high = high(class);
            let x = DAY_STEP * count(at);
            _ = write!(shape, "M{x} {DAY}v-{high}h{DAY_WIDTH}v{high}z");
        }
        if number > 0 {
            let comma = if counted.is_empty() { "" } else { ", " };
            _ = write!(counted, "{comma}{number} {word}");
            shapes.push(path(&shape, "day", class));
        }
    }
    let title = format!(
        "{} days, from {} to {}: {counted}.",
        days.len(),
        first.label,
        last.label
    );
    let picture = canvas(&title, DAY_STEP * count(days.len()), DAY, false).set("class", "days");
    shapes.into_iter().fold(picture, Document::add).to_string()
}

/// Days side by side over the whole width, each of which tells what it was when it is pointed at.
pub fn days_told(days: &[DayMark<'_>]) -> String {
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return String::new();
    };
    let title = format!("{} days, from {} to {}.", days.len(), first.label, last.label);
    let mut picture = canvas(&title, DAY_STEP * count(days.len()), DAY, true).set("class", "days wide");
    for (at, day) in days.iter().enumerate() {
        let class = kind(day.class);
        let drawn = Rectangle::new()
            .set("class", format!("day {class}"))
            .set("x", DAY_STEP * count(at))
            .set("y", DAY - high(class))
            .set("width", DAY_WIDTH)
            .set("height", high(class))
            .add(Title::new(day.label));
        picture = picture.add(drawn);
    }
    framed(&picture, ("", ""), (first.label, last.label)).into_string()
}

/// Steps below one another, each of which begins where the one before ended.
pub fn waterfall(steps: &[Step<'_>]) -> String {
    let known: Vec<f64> = steps.iter().flat_map(|step| [step.from, step.to]).collect();
    let known: Vec<f64> = known.into_iter().filter(|at| at.is_finite()).collect();
    let scale = Scale::over(&known, false);
    let x = |at: f64| EDGE + scale.share(if at.is_finite() { at } else { 0.0 }) * (WIDTH - 2.0 * EDGE);
    let drawn = |step: &Step<'_>| {
        let (from, to) = (x(step.from), x(step.to));
        let bar = Rectangle::new()
            .set("class", format!("part {}", step.class))
            .set("x", place(from.min(to)))
            .set("y", 1)
            .set("width", place((from - to).abs().max(1.0)))
            .set("height", STEP - 2.0);
        let ground = path(&format!("M{} 0v{STEP}", place(x(0.0))), "rule", "quiet");
        hidden(WIDTH, STEP).add(ground).add(bar).to_string()
    };
    let rows = html! {
        ul.waterfall {
            @for step in steps { li { span { (step.label) } (PreEscaped(drawn(step))) } }
        }
    };
    rows.into_string()
}

/// A line as small as a word, beside the number that it led to. It is not read out where the title is empty.
pub fn spark(title: &str, points: &[Option<f64>]) -> String {
    let (width, height) = SPARK;
    let all: Vec<f64> = points.iter().filter_map(|point| known(*point)).collect();
    let scale = Scale::over(&all, true);
    let picture = if title.is_empty() {
        hidden(width, height)
    } else {
        canvas(title, width, height, false)
    };
    let mut picture = picture.set("class", "spark");
    for run in runs(points) {
        let corners = corners(&run, points.len(), &scale, SPARK);
        picture = picture.add(stroke(&corners, "accent"));
    }
    picture.to_string()
}

/// How a day may have been, with the word for it.
const DAYS: [(&str, &str); 5] = [
    ("good", "good"),
    ("waiting", "waiting"),
    ("warning", "with trouble"),
    ("bad", "bad"),
    ("quiet", "not known"),
];

fn kind(class: &str) -> &'static str {
    let known = DAYS.iter().find(|(known, _)| *known == class);
    known.map_or("quiet", |(known, _)| known)
}

fn high(class: &str) -> f64 {
    match class {
        "good" => DAY,
        "waiting" | "warning" => DAY * 2.0 / 3.0,
        "bad" => DAY / 3.0,
        _ => 3.0,
    }
}

/// From numbers to places.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn over(amounts: &[f64], is_close: bool) -> Self {
        let ground = if is_close { f64::INFINITY } else { 0.0 };
        let low = amounts.iter().copied().fold(ground, f64::min);
        let high = amounts.iter().copied().fold(low, f64::max);
        let low = if low.is_finite() { low } else { 0.0 };
        // A flat line lies in the middle of something, and on the ground where it is 0.
        match (high > low, is_close) {
            (true, _) => Self { low, high },
            (false, true) => Self {
                low: low - 1.0,
                high: low + 1.0,
            },
            (false, false) => Self { low, high: low + 1.0 },
        }
    }

    fn share(&self, amount: f64) -> f64 {
        // Halves, so that the widest distance is a number too.
        let share = (amount / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }
    }

    fn height(&self, amount: f64, height: f64) -> f64 {
        height - EDGE - self.share(amount) * (height - 2.0 * EDGE)
    }
}

fn known(point: Option<f64>) -> Option<f64> {
    point.filter(|amount| amount.is_finite())
}

fn amount(part: f64) -> f64 {
    if part.is_finite() { part.max(0.0) } else { 0.0 }
}

fn across(index: usize, points: usize) -> f64 {
    let last = points.saturating_sub(1);
    if last == 0 {
        return WIDTH / 2.0;
    }
    EDGE + count(index) / count(last) * (WIDTH - 2.0 * EDGE)
}

/// Points that hang together, with their places in the row.
fn runs(points: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let mut runs: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut is_open = false;
    for (index, point) in points.iter().enumerate() {
        let Some(amount) = known(*point) else {
            is_open = false;
            continue;
        };
        match runs.last_mut() {
            Some(run) if is_open => run.push((index, amount)),
            _ => runs.push(vec![(index, amount)]),
        }
        is_open = true;
    }
    runs
}

/// Where points that hang together lie on a picture of this size, of `points` in all.
fn corners(run: &[(usize, f64)], points: usize, scale: &Scale, (width, height): (f64, f64)) -> Vec<(f64, f64)> {
    let corner = |(index, amount): &(usize, f64)| {
        let x = across(*index, points) * (width / WIDTH);
        (place(x), place(scale.height(*amount, height)))
    };
    run.iter().map(corner).collect()
}

/// A line through corners; a dot where there is one alone.
fn stroke(corners: &[(f64, f64)], class: &str) -> Path {
    let kind = if corners.len() > 1 { "line" } else { "dot" };
    path(&course(corners), kind, class)
}

fn course(corners: &[(f64, f64)]) -> String {
    let mut course = String::new();
    for (number, (x, y)) in corners.iter().enumerate() {
        _ = write!(course, "{}{x} {y}", if number == 0 { "M" } else { "L" });
    }
    if corners.len() == 1 {
        course.push_str("h.01");
    }
    course
}

fn surface(corners: &[(f64, f64)], ground: f64) -> String {
    let (first, last) = (corners.first(), corners.last());
    let ends = first.zip(last).map(|((first, _), (last, _))| (*first, *last));
    let (first, last) = ends.unwrap_or_default();
    format!("{}L{last} {ground}L{first} {ground}z", course(corners))
}

fn path(course: &str, kind: &str, class: &str) -> Path {
    Path::new().set("class", format!("{kind} {class}")).set("d", course)
}

fn rule(y: f64) -> Path {
    path(&format!("M0 {}H{WIDTH}", place(y)), "rule", "quiet")
}

fn bare(width: f64, height: f64) -> Document {
    Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("height", height)
        .set("focusable", "false")
}

/// A picture that says what it shows; `is_wide` stretches it over the whole width.
fn canvas(title: &str, width: f64, height: f64, is_wide: bool) -> Document {
    let picture = bare(width, height).set("role", "img").add(Title::new(title));
    if is_wide {
        stretched(picture)
    } else {
        picture.set("width", width)
    }
}

/// A picture beside words that say the same.
fn hidden(width: f64, height: f64) -> Document {
    stretched(bare(width, height)).set("aria-hidden", "true")
}

/// As wide as there is room.
fn stretched(picture: Document) -> Document {
    picture.set("width", "100%").set("preserveAspectRatio", "none")
}

fn sample(class: &str) -> Markup {
    let picture = bare(24.0, 10.0).set("width", 24).set("aria-hidden", "true");
    PreEscaped(picture.add(path("M1 5H23", "line", class)).to_string())
}

/// A number that is whole is written so, any other with one digit.
fn written(number: f64) -> String {
    if number.fract() == 0.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.1}")
    }
}

#[cfg(test)]
#[path = "inline_tests.rs"]
mod tests;
