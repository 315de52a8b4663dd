//! Tables, and paging through them.

use maud::{Markup, html};

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// Whether it holds numbers, which stand right.
    pub(crate) is_number: bool,
}

impl Column {
    pub(crate) const fn text(title: &'static str) -> Self {
        let is_number = false;
        Self { title, is_number }
    }

    pub(crate) const fn number(title: &'static str) -> Self {
        let is_number = true;
        Self { title, is_number }
    }
}

/// A table. The caption is read out and not shown; each row's `key` keeps it the same row when the page is made anew. A
/// row's first cell is its heading: on a narrow screen rows are cards, with the column's title before each other cell.
pub(crate) fn table(
    caption: &str,
    columns: &[Column],
    rows: impl IntoIterator<Item = (String, Vec<Markup>)>,
) -> Markup {
    html! {
        section.table tabindex="0" aria-label={ "Table: " (caption) } {
            table {
                caption { (caption) }
                thead { tr {
                    @for column in columns {
                        th scope="col" class=[column.is_number.then_some("number")] { (column.title) }
                    }
                } }
                tbody {
                    @for (key, cells) in rows {
                        tr id=(format!("row-{key}")) {
                            @for (place, (column, cell)) in columns.iter().zip(cells).enumerate() {
                                @let class = column.is_number.then_some("number");
                                @if place == 0 {
                                    th scope="row" class=[class] { (cell) }
                                } @else {
                                    td class=[class] data-label=(column.title) { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Links to the first page and the next, where there are any.
pub(crate) fn pager(first: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        @if first.is_some() || next.is_some() {
            nav.pager aria-label="Pages" {
                @if let Some(first) = first { a href=(first) { "First page" } }
                @if let Some(next) = next { a href=(next) rel="next" { "Next page" } }
            }
        }
    }
}
