use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

const POINTS: [Option<f64>; 6] = [Some(4.0), Some(8.0), None, Some(2.0), None, Some(6.0)];

fn two_lines(name: &str) -> String {
    let errors = [Some(0.0); 6];
    let series = [
        Series {
            name,
            class: "accent",
            points: &POINTS,
        },
        Series {
            name: "errors",
            class: "bad",
            points: &errors,
        },
    ];
    line(&LineChart {
        series: &series,
        labels: ("09:00", "14:00"),
        max_label: "8 a minute",
        height: 96,
    })
}

fn marks() -> [DayMark<'static>; 5] {
    ["good", "warning", "bad", "none", "good"].map(|class| DayMark { label: "a day", class })
}

fn stacked() -> String {
    let hours = [
        Bar {
            label: "09:00",
            parts: &[("good", 30.0), ("bad", 2.5)],
        },
        Bar {
            label: "10:00",
            parts: &[("good", 0.0), ("bad", f64::NAN)],
        },
    ];
    bars(&hours)
}

fn falling() -> String {
    let step = |label, from, to, class| Step { label, from, to, class };
    waterfall(&[
        step("Opening $100", 0.0, 100.0, "accent"),
        step("Lost $150", 100.0, -50.0, "bad"),
        step("New $70", -50.0, 20.0, "good"),
    ])
}

/// Every picture that there is.
fn all(name: &str) -> Vec<String> {
    let told = marks().map(|mark| DayMark { label: name, ..mark });
    let chart = LineChart {
        series: &[Series {
            name,
            class: "accent",
            points: &POINTS,
        }],
        labels: (name, "now"),
        max_label: name,
        height: 120,
    };
    let step = Step {
        label: name,
        from: 0.0,
        to: 1.0,
        class: "good",
    };
    vec![
        two_lines(name),
        line_above(&chart, name),
        stacked(),
        days(&told),
        days_told(&told),
        waterfall(&[step]),
        falling(),
        spark(name, &POINTS),
    ]
}

#[test]
fn the_same_numbers_are_the_same_picture() {
    assert_snapshot!("line", two_lines("requests"));
    assert_snapshot!("bars", stacked());
    assert_snapshot!("days", days(&marks()));
    assert_snapshot!("days_told", days_told(&marks()));
    assert_snapshot!("waterfall", falling());
    assert_snapshot!("spark", spark("the last week", &POINTS));
}

#[test]
fn a_page_may_hold_many_under_a_strict_policy_and_names_are_text() {
    for picture in all("<b>\"us\" & them") {
        for forbidden in [" id=", "style=", "href", "url(", "<b>", "fill=", "stroke="] {
            assert!(!picture.contains(forbidden), "{forbidden}: {picture}");
        }
        let whole = format!("<p>{picture}</p>");
        let document = roxmltree::Document::parse(&whole).unwrap();
        let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
        assert!(!texts.is_empty());
        for picture in document.descendants().filter(|node| node.has_tag_name(SVG)) {
            let is_named = picture.children().any(|child| child.has_tag_name(TITLE));
            assert!(
                is_named || picture.attribute("aria-hidden") == Some("true"),
                "{picture:?}"
            );
        }
    }
}

const SVG: (&str, &str) = ("http://www.w3.org/2000/svg", "svg");
const TITLE: (&str, &str) = ("http://www.w3.org/2000/svg", "title");

#[test]
fn what_is_not_known_is_a_gap_and_a_lone_point_a_dot() {
    let picture = two_lines("requests");
    assert_eq!(
        picture.matches("class=\"line accent\"").count(),
        2,
        "one of them in the legend"
    );
    assert_eq!(picture.matches("class=\"dot accent\"").count(), 2);
    assert_eq!(picture.matches("surface").count(), 1, "under the first line only");
}

#[test]
fn days_differ_without_color() {
    let heights: Vec<String> = ["good", "warning", "bad", "quiet"]
        .map(|class| days(&[DayMark { label: "a day", class }]))
        .iter()
        .map(|picture| {
            picture
                .split(" d=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    let mut different = heights.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), heights.len(), "{heights:?}");
    assert!(days(&marks()).contains("5 days, from a day to a day: 2 good, 1 with trouble, 1 bad, 1 not known."));
}

#[test]
fn a_months_days_are_small_enough_for_a_list_of_fifty() {
    let month = [DayMark {
        label: "2026-03-01",
        class: "good",
    }; 30];
    let size = days(&month).len();
    assert!(size < 900, "{size} bytes");
}

#[test]
fn nothing_is_drawn_of_nothing() {
    assert_eq!([bars(&[]), days(&[]), days_told(&[])], ["", "", ""]);
    assert!(waterfall(&[]).starts_with("<ul"));
    assert!(spark("", &[]).contains("aria-hidden"));
    let empty = LineChart {
        series: &[],
        labels: ("", ""),
        max_label: "",
        height: 0,
    };
    assert!(line(&empty).contains("<svg"));
}

#[test]
fn steps_lie_between_their_ends_over_one_ground() {
    let picture = falling();
    let document = roxmltree::Document::parse(&picture).unwrap();
    let bars: Vec<(f64, f64)> = document
        .descendants()
        .filter(|node| node.tag_name().name() == "rect")
        .map(|bar| {
            let at = |name| bar.attribute(name).unwrap().parse::<f64>().unwrap();
            (at("x"), at("x") + at("width"))
        })
        .collect();
    assert_eq!(bars, [(201.0, 597.0), (3.0, 597.0), (3.0, 280.2)]);
}

proptest! {
    #[test]
    fn everything_lies_on_the_picture(
        points in prop::collection::vec(prop::option::of(any::<f64>()), 0..60),
        is_close in any::<bool>(),
    ) {
        let chart = LineChart {
            series: &[Series { name: "numbers", class: "accent", points: &points }],
            labels: ("first", "last"),
            max_label: "most",
            height: 100,
        };
        let picture = if is_close { line_above(&chart, "least") } else { line(&chart) };
        prop_assert!(!picture.contains("NaN") && !picture.contains("inf"), "{}", picture);
        for course in picture.split(" d=\"").skip(1) {
            let course = course.split('"').next().unwrap();
            for corner in course.split(['M', 'L']).filter(|corner| corner.contains(' ')) {
                let (x, y) = corner.trim_end_matches('z').trim_end_matches("h.01").split_once(' ').unwrap();
                let y = y.split('H').next().unwrap();
                prop_assert!((0.0..=WIDTH).contains(&x.parse::<f64>().unwrap()), "{}", corner);
                prop_assert!((0.0..=100.0).contains(&y.parse::<f64>().unwrap()), "{}", corner);
            }
        }
    }
}
