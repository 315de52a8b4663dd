//! Pictures of characters.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget as _;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};

use super::scale::{Ticks, days_after, to_float};
use super::{Point, Unit, Waterfall, runs};

/// The number over the days, `width` by `height` characters. Empty without a known number.
pub fn line(points: &[Point], unit: Unit, width: u16, height: u16) -> String {
    let known = || points.iter().filter(|point| point.amount.is_some());
    let (Some(first), Some(last)) = (known().next(), known().next_back()) else {
        return String::new();
    };
    let ticks = Ticks::over(points.iter().filter_map(|point| point.amount), 4);
    let place = |date, amount| (to_float(days_after(first.date, date)), to_float(amount));
    let lines: Vec<Vec<(f64, f64)>> = runs(points)
        .into_iter()
        .map(|run| run.into_iter().map(|(date, amount)| place(date, amount)).collect())
        .collect();
    let hollow: Vec<(f64, f64)> = known()
        .filter(|point| !point.is_solid())
        .filter_map(|point| Some(place(point.date, point.amount?)))
        .collect();
    let mut datasets: Vec<Dataset<'_>> = lines
        .iter()
        .map(|line| {
            let dataset = Dataset::default().data(line).marker(Marker::Braille);
            // A line of one point would not be seen.
            if line.len() > 1 {
                dataset.graph_type(GraphType::Line)
            } else {
                dataset.graph_type(GraphType::Scatter).marker(Marker::Dot)
            }
        })
        .collect();
    let incomplete = Dataset::default().data(&hollow).marker(Marker::Custom('o'));
    datasets.push(incomplete.graph_type(GraphType::Scatter));
    let days = to_float(days_after(first.date, last.date).max(1));
    let chart = Chart::new(datasets)
        .legend_position(None)
        .x_axis(
            Axis::default()
                .bounds([0.0, days])
                .labels([first.date.to_string(), last.date.to_string()]),
        )
        .y_axis(
            Axis::default()
                .bounds([to_float(ticks.low()), to_float(ticks.high())])
                .labels(unit.labels(&ticks.amounts, ticks.step)),
        );
    let area = Rect::new(0, 0, width.max(20), height.max(5));
    let mut buffer = Buffer::empty(area);
    chart.render(area, &mut buffer);
    text(&buffer)
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width.max(1));
    let rows = buffer.content.chunks(width).map(|row| {
        let row: String = row.iter().map(ratatui_core::buffer::Cell::symbol).collect();
        row.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// What moved the number, a bar for each step, `width` characters wide.
pub fn waterfall(whole: &Waterfall, unit: Unit, width: u16) -> String {
    let bars = whole.bars();
    let names = bars.iter().map(|bar| bar.name.chars().count()).max().unwrap_or(0);
    let labels: Vec<String> = bars.iter().map(|bar| bar.label(unit)).collect();
    let amounts = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let room = usize::from(width).saturating_sub(names + amounts + 4).max(10);
    let ticks = Ticks::over(bars.iter().flat_map(|bar| [bar.from, bar.to]).chain([0]), 4);
    let column = |amount| cells(ticks.share(amount), room);
    let rows = bars.iter().zip(&labels).map(|(bar, label)| {
        let (from, to) = (column(bar.from.min(bar.to)), column(bar.from.max(bar.to)));
        let fill = if bar.is_step && bar.to < bar.from { '░' } else { '█' };
        let size = if bar.from == bar.to { 0 } else { (to - from).max(1) };
        let drawn: String = std::iter::repeat_n(' ', from.min(room - 1))
            .chain(std::iter::repeat_n(fill, size))
            .collect();
        let name = bar.name;
        format!("{name:<names$}  {label:>amounts$}  {drawn}")
            .trim_end()
            .to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of 0 to 1 of some hundred columns"
)]
fn cells(share: f64, room: usize) -> usize {
    (share * room as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use jiff::civil::date;

    use super::*;

    fn points() -> Vec<Point> {
        (1..=20)
            .map(|day| Point {
                date: date(2026, 3, day),
                amount: (day != 8).then(|| 100_000 + i128::from(day) * 2_500),
                complete: day != 12,
                reconstructed: false,
            })
            .collect()
    }

    #[test]
    fn a_line_has_its_axis_its_dates_and_its_gaps() {
        let picture = line(&points(), Unit::UsCents, 60, 10);
        let rows: Vec<&str> = picture.lines().collect();
        assert_eq!(rows.len(), 10);
        assert!(rows.iter().all(|row| row.chars().count() <= 60), "{picture}");
        assert!(
            picture.contains("2026-03-01") && picture.contains("2026-03-20"),
            "{picture}"
        );
        assert!(picture.contains("$1.6k") || picture.contains("$1,600"), "{picture}");
        assert_eq!(
            picture.matches('o').count(),
            1,
            "the incomplete day is hollow: {picture}"
        );
        assert_snapshot!(picture);
    }

    #[test]
    fn a_single_day_is_seen_and_none_is_nothing() {
        let picture = line(&points()[..1], Unit::UsCents, 40, 10);
        assert!(picture.contains('\u{2022}'), "{picture}");
        assert_eq!(line(&[], Unit::UsCents, 40, 10), "");
        assert_eq!(line(&points()[7..8], Unit::UsCents, 40, 10), "");
    }

    #[test]
    fn bars_stand_where_the_one_before_ended() {
        let steps = vec![("new".to_owned(), 500), ("churn".to_owned(), -1_000)];
        let whole = Waterfall::new(1_000, steps, 500).unwrap();
        let picture = waterfall(&whole, Unit::UsCents, 48);
        assert_eq!(picture.trim(), picture, "nothing stands around it");
        assert_snapshot!(picture, @r"
        opening   $10.00  ████████████████████
        new       +$5.00                      ██████████
        churn    -$10.00            ░░░░░░░░░░░░░░░░░░░░
        closing    $5.00  ██████████
        ");
    }
}
