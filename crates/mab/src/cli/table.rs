//! Pages of fields and tables, laid out for a terminal or for a program.
//!
//! On a terminal a table is aligned, wrapped to the width and headed. Elsewhere every row is one line of tab-separated
//! cells without a head, and every cell one line: a line break in it stands as `\n`. An absent value is `-` in both.

use anstyle::Style;
use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table as Grid, TableStyle, Width,
};

use crate::cli::{Visible, exact::broken, output::STRONG};

/// What is being printed.
#[derive(Debug)]
pub(crate) struct Page {
    terminal_width: Option<u16>,
    text: String,
}

/// A table: rows of escaped cells.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    /// The kind of row, printed as first cell for programs when a page holds rows of several kinds.
    pub(crate) kind: Option<&'static str>,
    /// The columns.
    pub(crate) columns: &'a [Column],
    /// The rows.
    pub(crate) rows: Vec<Vec<Visible>>,
}

/// A column by its heading.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// Words, wrapped when the terminal is too narrow.
    Text(&'static str),
    /// Names and moments, kept in one line while there is room.
    Whole(&'static str),
    /// Ids and tokens, which people copy: in one line however narrow the terminal.
    Id(&'static str),
    /// Numbers, aligned to the right.
    Number(&'static str),
    /// What a person can do without.
    ForPrograms,
}

impl Page {
    /// An empty page; with a width, for a person.
    pub(crate) fn new(terminal_width: Option<u16>) -> Self {
        Self { terminal_width, text: String::new() }
    }

    /// The page so far.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Columns of its reader's terminal; a very large number when there is none.
    pub(crate) fn columns(&self) -> usize {
        self.terminal_width.map_or(usize::MAX, usize::from)
    }

    /// Whether a person reads it.
    pub(crate) fn for_person(&self) -> bool {
        self.terminal_width.is_some()
    }

    /// Text of an agent: framed by the table on a terminal, where it may keep its lines; one line elsewhere.
    pub(crate) fn body(&self, text: &str) -> Visible {
        if self.for_person() { Visible::lines(text) } else { Visible::line(text) }
    }

    /// A moment as the operations tell it (RFC 3339, UTC): shortened to the second for a person.
    pub(crate) fn moment(&self, moment: Option<&str>) -> Visible {
        let Some(moment) = moment else { return absent() };
        let short = || {
            let (date, time) = moment.split_once('T')?;
            Some(format!("{date} {}", time.get(..8)?))
        };
        let text = short().filter(|_| self.for_person());
        Visible::line(text.as_deref().unwrap_or(moment))
    }

    /// An amount of bytes: in the next larger unit for a person.
    pub(crate) fn bytes(&self, bytes: u64) -> Visible {
        if self.for_person() { Visible::line(&size(bytes)) } else { bytes.into() }
    }

    /// A named value.
    pub(crate) fn field(&mut self, name: &str, value: &Visible) {
        if self.for_person() {
            self.line(&format!("{STRONG}{name:<12}{STRONG:#} {value}"));
        } else {
            self.line(&format!("{}\t{value}", name.replace(' ', "_")));
        }
    }

    /// A line of our own words; agents' text must have been made [`Visible`] before.
    pub(crate) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A line that only a person needs: a gap, a title, an explanation.
    pub(crate) fn aside(&mut self, line: &str) {
        if self.for_person() {
            self.line(line);
        }
    }

    /// A table.
    pub(crate) fn table(&mut self, table: &Table<'_>) {
        match self.terminal_width {
            Some(width) => self.grid(table, width),
            None => {
                for row in &table.rows {
                    let cells: Vec<&str> =
                        table.kind.into_iter().chain(row.iter().map(Visible::as_str)).collect();
                    self.line(&cells.join("\t"));
                }
            }
        }
    }

    fn grid(&mut self, table: &Table<'_>, width: u16) {
        // Columns that say nothing are left out.
        let said = |index: &usize| {
            table.rows.iter().any(|row| row.get(*index).is_some_and(|cell| *cell != absent()))
        };
        let shown: Vec<(usize, Column)> = table
            .columns
            .iter()
            .copied()
            .enumerate()
            .filter(|(index, column)| !matches!(column, Column::ForPrograms) && said(index))
            .collect();
        if too_narrow(table, &shown, width) {
            return self.records(table, &shown, width);
        }
        let mut grid = filled(table, &shown, &[]);
        grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        keep_whole(&mut grid, &shown, width);
        if table.rows.iter().flatten().any(|cell| cell.as_str().lines().any(|line| line.starts_with(QUOTED)))
        {
            let widths = widths(&mut grid);
            grid = filled(table, &shown, &widths);
            let fixed = widths.iter().map(|width| ColumnConstraint::Absolute(Width::Fixed(*width)));
            grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            grid.set_constraints(fixed);
        }
        let mut heading = true;
        for line in grid.lines() {
            let line = line.trim_end();
            heading = heading && !line.contains('─');
            let style = if heading { STRONG } else { Style::new() };
            self.line(&format!("{style}{line}{style:#}"));
        }
    }
}

/// A table's cells, broken for columns of these widths where a line has a mark to keep.
fn filled(table: &Table<'_>, shown: &[(usize, Column)], widths: &[u16]) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(RULED);
    grid.set_header(shown.iter().map(|(_, column)| column.cell(&column.heading().to_uppercase())));
    for row in &table.rows {
        let cell = |(place, (index, column)): (usize, &(usize, Column))| {
            let text = row.get(*index)?.as_str();
            let room = widths.get(place).map(|width| usize::from(width.saturating_sub(BLANKS)));
            Some(column.cell(&room.map_or_else(|| text.to_owned(), |room| marked(text, room))))
        };
        grid.add_row(shown.iter().enumerate().filter_map(cell));
    }
    grid
}

/// The widths that a grid gives to its columns, with their blanks: as the line under its heading has them.
fn widths(grid: &mut Grid) -> Vec<u16> {
    grid.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('┼')));
    let ruler = grid.lines().find(|line| line.contains('─')).unwrap_or_default();
    let width = |part: &str| u16::try_from(part.chars().count()).unwrap_or(u16::MAX);
    ruler.split('┼').map(width).collect()
}

/// A cell whose quoted lines are broken here: what goes on in the next row is marked as well, or the words of a program
/// would look like those of the bridge.
fn marked(text: &str, room: usize) -> String {
    let line = |line: &str| match line.strip_prefix(QUOTED) {
        Some(words) => {
            let room = room.saturating_sub(QUOTED.len());
            // What is two columns wide would not fit, and be broken again, without its mark.
            let rows: Vec<String> = if room < 2 {
                escaped(words).chars().map(String::from).collect()
            } else {
                broken(words, room).into_iter().map(str::to_owned).collect()
            };
            rows.iter().map(|row| format!("{QUOTED}{}", row.trim_end())).collect::<Vec<_>>().join("\n")
        }
        None => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Everything that is not ASCII as escapes.
fn escaped(words: &str) -> String {
    let escape =
        |found: char| if found.is_ascii() { found.to_string() } else { found.escape_unicode().to_string() };
    words.chars().map(escape).collect()
}

impl Page {
    /// One line per value, for terminals that are too narrow for a table.
    fn records(&mut self, table: &Table<'_>, shown: &[(usize, Column)], width: u16) {
        for row in &table.rows {
            let mut grid = Grid::new();
            grid.load_style(TableStyle::new())
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width);
            let mut id_width = 0;
            for (index, column) in shown {
                let Some(cell) = row.get(*index) else { continue };
                if matches!(column, Column::Id(_)) {
                    id_width = id_width.max(text_width(cell));
                }
                grid.add_row([column.heading().to_uppercase().as_str(), cell.as_str()]);
            }
            let value = ColumnConstraint::LowerBoundary(Width::Fixed(id_width.saturating_add(PADDING)));
            for (column, constraint) in grid.column_iter_mut().zip([ColumnConstraint::ContentWidth, value]) {
                column.set_constraint(constraint);
            }
            for line in grid.lines() {
                self.line(line.trim_end());
            }
            self.line("");
        }
    }
}

/// Whether ids in one line leave the other columns less than a word each.
fn too_narrow(table: &Table<'_>, shown: &[(usize, Column)], width: u16) -> bool {
    let needed = |(index, column): &(usize, Column)| {
        let cells = table.rows.iter().filter_map(|row| row.get(*index)).map(text_width);
        let widest = cells.max().unwrap_or_default();
        if matches!(column, Column::Id(_)) { widest } else { widest.min(WORD_WIDTH) }
    };
    let total =
        shown.iter().fold(0_u16, |sum, column| sum.saturating_add(needed(column)).saturating_add(PADDING));
    shown.iter().any(|(_, column)| matches!(column, Column::Id(_))) && total > width
}

/// Characters, which for ids are columns.
fn text_width(cell: &Visible) -> u16 {
    u16::try_from(cell.as_str().chars().count()).unwrap_or(u16::MAX)
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Self::Text(heading) | Self::Whole(heading) | Self::Id(heading) | Self::Number(heading) => heading,
            Self::ForPrograms => "",
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Self::Text(_))
    }

    fn cell(self, text: &str) -> Cell {
        let alignment =
            if matches!(self, Self::Number(_)) { CellAlignment::Right } else { CellAlignment::Left };
        Cell::new(text).set_alignment(alignment)
    }
}

/// Keeps ids in one line, and everything but text when that leaves room for the text.
fn keep_whole(grid: &mut Grid, shown: &[(usize, Column)], width: u16) {
    let widths = grid.column_max_content_widths();
    let text_min = |width: u16| width.min(TEXT_MIN_WIDTH);
    let needed: u16 = widths
        .iter()
        .zip(shown)
        .map(|(width, (_, column))| if column.is_text() { text_min(*width) } else { *width })
        .fold(0, |sum, width| sum.saturating_add(width).saturating_add(PADDING));
    let fits = needed <= width;
    for (column, (_, shown)) in grid.column_iter_mut().zip(shown) {
        if matches!(shown, Column::Id(_)) || fits && !shown.is_text() {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// What stands for an absent value.
pub(crate) fn absent() -> Visible {
    Visible::line("-")
}

/// A value of an agent, or what stands for its absence.
pub(crate) fn optional(text: Option<&str>) -> Visible {
    text.map_or_else(absent, Visible::line)
}

/// Columns of text are not squeezed below this for the sake of others.
const TEXT_MIN_WIDTH: u16 = 16;

/// What other columns need at least beside an id.
const WORD_WIDTH: u16 = 8;

/// What stands before each line that the bridge quotes.
const QUOTED: &str = "| ";

/// Blanks around a cell.
const BLANKS: u16 = 2;

/// Blanks around a cell, and what may stand between two.
const PADDING: u16 = 3;

/// Columns apart, one line under the heading, nothing else.
const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut unit = "B";
    let (mut whole, mut tenths) = (bytes, 0);
    for larger in UNITS {
        if whole < 1024 {
            break;
        }
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit = larger;
    }
    if unit == "B" { format!("{whole} B") } else { format!("{whole}.{tenths} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<'static> {
        let row = |cells: [&str; 3]| cells.iter().map(|cell| Visible::line(cell)).collect();
        Table {
            kind: Some("member"),
            columns: &[Column::Whole("agent"), Column::Text("role"), Column::Number("unread")],
            rows: vec![row(["a", "backend\u{1b}[31m\nfake  row", "7"]), row(["b", "日本語", "120"])],
        }
    }

    #[test]
    fn table_for_a_program_is_one_line_per_row() {
        let mut page = Page::new(None);
        page.table(&table());
        page.aside("nobody reads this");
        assert_eq!(page.as_str(), "member\ta\tbackend\\u{1b}[31m\\nfake  row\t7\nmember\tb\t日本語\t120\n");
    }

    #[test]
    fn table_for_a_person_is_aligned_and_never_wider_than_the_terminal() {
        let mut page = Page::new(Some(30));
        page.table(&table());
        insta::assert_snapshot!(anstream::adapter::strip_str(page.as_str()).to_string(), @r#"
 AGENT   ROLE          UNREAD
──────────────────────────────
 a       backend\u{1        7
         b}[31m\nfak
         e  row
 b       日本語           120
"#);
    }

    #[test]
    fn id_when_the_terminal_is_narrow_is_not_wrapped() {
        for width in [20, 40, 60] {
            let mut page = Page::new(Some(width));
            let cells = ["conv_0123456789abcdef", "active", "2026-11-22 07:30:00", "a topic of some words"];
            page.table(&Table {
                kind: None,
                columns: &[
                    Column::Id("conversation"),
                    Column::Whole("state"),
                    Column::Whole("expires"),
                    Column::Text("topic"),
                ],
                rows: vec![cells.map(Visible::line).into()],
            });
            assert!(page.as_str().contains(" conv_0123456789abcdef"), "{}", page.as_str());
            if width == 40 {
                insta::assert_snapshot!(anstream::adapter::strip_str(page.as_str()).to_string(), @r#"
CONVERSATION  conv_0123456789abcdef
STATE         active
EXPIRES       2026-11-22 07:30:00
TOPIC         a topic of some words
"#);
            }
        }
    }

    #[test]
    fn body_for_a_person_stays_inside_its_cell() {
        let mut page = Page::new(Some(40));
        let body = page.body(&format!("one\ntwo {}forged", " ".repeat(60)));
        page.table(&Table {
            kind: None,
            columns: &[Column::Number("seq"), Column::Whole("from"), Column::Text("message")],
            rows: vec![vec![1.into(), Visible::line("a"), body]],
        });
        for line in page.as_str().lines().skip(3) {
            assert!(line.starts_with("           "), "{line:?}");
        }
    }

    #[test]
    fn line_that_is_quoted_keeps_its_mark_in_every_row_of_it() {
        let body = format!(
            "b ran a command: exited with 0.\n| {}\n| The operator said yes to run_1 {}",
            "y".repeat(150),
            "and so on ".repeat(20)
        );
        for width in [30, 60, 80, 120] {
            let mut page = Page::new(Some(width));
            page.table(&Table {
                kind: None,
                columns: &[
                    Column::Number("seq"),
                    Column::Whole("at"),
                    Column::Text("message"),
                    Column::Text("delivery"),
                ],
                rows: vec![vec![
                    12.into(),
                    Visible::line("2026-11-22 07:31:00"),
                    page.body(&body),
                    Visible::line("a acknowledged, b offered, c stored"),
                ]],
            });
            let shown = anstream::adapter::strip_str(page.as_str()).to_string();
            assert!(shown.lines().all(|line| line.chars().count() <= usize::from(width)), "{shown}");
            let at = shown.lines().find_map(|line| line.find("| yyy")).unwrap();
            let rows: Vec<&str> = shown.lines().filter_map(|line| line.get(at..)).collect();
            let from = rows.iter().position(|row| row.starts_with("| yyy")).unwrap();
            let quoted = rows[from..].iter().take_while(|row| !row.trim().is_empty());
            assert!(quoted.clone().count() > 3 && quoted.clone().all(|row| row.starts_with("| ")), "{shown}");
            let all: String = quoted.map(|row| row[2..].trim_end()).collect();
            let all = all.replace(' ', "");
            assert!(all.contains(&"y".repeat(150)) && all.contains("Theoperatorsaidyes"), "{shown}");
        }
    }

    #[test]
    fn line_that_is_quoted_keeps_its_mark_where_a_wide_character_has_no_room() {
        for room in 3..8 {
            let shown = marked(&format!("{QUOTED}a漢字 漢"), room);
            let fits = |row: &str| row.starts_with(QUOTED) && crate::cli::exact::wide(row) <= room;
            assert!(shown.lines().all(fits), "{room}: {shown}");
        }
        assert!(marked("| 漢", 3).replace("\n| ", "").contains("\\u{6f22}"));
    }

    #[test]
    fn sizes_are_shown_in_the_unit_a_person_reads() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_600_000, "1.5 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn moment_for_a_person_is_short_and_for_a_program_whole() {
        let moment = Some("2026-11-22T07:30:00.125Z");
        assert_eq!(Page::new(Some(80)).moment(moment).as_str(), "2026-11-22 07:30:00");
        assert_eq!(Page::new(None).moment(moment).as_str(), "2026-11-22T07:30:00.125Z");
        assert_eq!(Page::new(Some(80)).moment(Some("soon\u{1b}")).as_str(), "soon\\u{1b}");
    }
}
