//! How rows differ, to read: what was expected with `-`, what came with `+`, in columns.

use super::rows::Cells;
use crate::cli::screen::Paint;

/// Equal rows shown around those that differ.
const CONTEXT: usize = 2;
/// Lines shown of one difference.
const LINES_MAX: usize = 40;
/// Wider cells are cut.
const WIDTH_MAX: usize = 40;
/// Pairs of rows that are compared to find out which came late, and which are not there at all.
const PAIRS_MAX: usize = 4_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Both(usize),
    Expected(usize),
    Came(usize),
}

/// The lines of a difference. Both have the same columns, or the expectation has none.
pub fn diff(expected: &Cells, came: &Cells, paint: Paint) -> String {
    let columns = if expected.columns.is_empty() { &came.columns } else { &expected.columns };
    let lines = lines(&expected.rows, &came.rows);
    let shown = shown(&lines);
    let row = |line: &Line| match *line {
        Line::Both(i) | Line::Expected(i) => &expected.rows[i],
        Line::Came(i) => &came.rows[i],
    };
    let mut widths: Vec<usize> = columns.iter().map(|name| width(name)).collect();
    for line in shown.iter().flatten() {
        for (width_, cell) in widths.iter_mut().zip(row(line)) {
            *width_ = (*width_).max(width(cell));
        }
    }
    let mut text = format!("  {}\n", joined(columns, &widths));
    for line in shown.iter().take(LINES_MAX) {
        text += &match line {
            None => "  …".to_owned(),
            Some(line @ Line::Both(_)) => format!("  {}", joined(row(line), &widths)),
            Some(line @ Line::Expected(_)) => paint.red(&format!("- {}", joined(row(line), &widths))),
            Some(line @ Line::Came(_)) => paint.green(&format!("+ {}", joined(row(line), &widths))),
        };
        text.push('\n');
    }
    if let Some(more @ 1..) = shown.len().checked_sub(LINES_MAX) {
        text += &format!("  … and {more} lines more\n");
    }
    text
}

/// Lines to show: those that differ, and some around them; `None` for what is left out.
fn shown(lines: &[Line]) -> Vec<Option<Line>> {
    let differs = |line: &Line| !matches!(line, Line::Both(_));
    let near = |i: usize| {
        let around = i.saturating_sub(CONTEXT)..(i + CONTEXT + 1).min(lines.len());
        lines[around].iter().any(differs)
    };
    let mut shown = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        if near(i) {
            shown.push(Some(*line));
        } else if shown.last() != Some(&None) {
            shown.push(None);
        }
    }
    shown
}

/// The shortest way from one list to the other.
fn lines(expected: &[Vec<String>], came: &[Vec<String>]) -> Vec<Line> {
    let start = expected.iter().zip(came).take_while(|(a, b)| a == b).count();
    let (left, right) = (&expected[start..], &came[start..]);
    let end = left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count();
    let (left, right) = (&left[..left.len() - end], &right[..right.len() - end]);
    let mut lines: Vec<Line> = (0..start).map(Line::Both).collect();
    if left.len().saturating_mul(right.len()) > PAIRS_MAX {
        lines.extend((0..left.len()).map(|i| Line::Expected(start + i)));
        lines.extend((0..right.len()).map(|i| Line::Came(start + i)));
    } else {
        common(left, right, start, &mut lines);
    }
    lines.extend((0..end).map(|i| Line::Both(start + left.len() + i)));
    lines
}

/// By the longest common subsequence.
fn common(left: &[Vec<String>], right: &[Vec<String>], start: usize, lines: &mut Vec<Line>) {
    let wide = right.len() + 1;
    let mut longest = vec![0u32; (left.len() + 1) * wide];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            longest[i * wide + j] = match left[i] == right[j] {
                true => longest[(i + 1) * wide + j + 1] + 1,
                false => longest[(i + 1) * wide + j].max(longest[i * wide + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && left[i] == right[j] {
            lines.push(Line::Both(start + i));
            (i, j) = (i + 1, j + 1);
        } else if i < left.len() && (j == right.len() || longest[(i + 1) * wide + j] >= longest[i * wide + j + 1]) {
            lines.push(Line::Expected(start + i));
            i += 1;
        } else {
            lines.push(Line::Came(start + j));
            j += 1;
        }
    }
}

fn width(cell: &str) -> usize {
    cut(cell).chars().count()
}

/// A cell on one line, not too long.
fn cut(cell: &str) -> String {
    let line: String =
        cell.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
    match line.chars().count() > WIDTH_MAX {
        true => line.chars().take(WIDTH_MAX - 1).chain(['…']).collect(),
        false => line,
    }
}

fn joined(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{:<width$}", cut(cell)));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: &str, came: &str, expect: &str) {
        let (expected, came) = (Cells::parse(expected), Cells::parse(came));
        assert_eq!(diff(&expected, &came, Paint::plain()), expect);
    }

    #[test]
    fn rows_stand_in_columns() {
        check(
            "card,n\na,1\nlonger,2\nc,3\n",
            "card,n\na,1\nlonger,20\nc,3\nd,\n",
            "  card    n\n  a       1\n- longer  2\n+ longer  20\n  c       3\n+ d\n",
        );
        check("n\n1\n2\n3\n4\n5\n6\n", "n\n1\n2\n3\n4\n5\n", "  n\n  …\n  4\n  5\n- 6\n");
        check("", "n\n1\n", "  n\n+ 1\n");
    }

    #[test]
    fn much_is_cut() {
        let many: String = (0..100).map(|n| format!("{n}\n")).collect();
        let text = diff(&Cells::parse("n\n"), &Cells::parse(&format!("n\n{many}")), Paint::plain());
        assert_eq!(text.lines().count(), LINES_MAX + 2);
        assert!(text.ends_with("  … and 60 lines more\n"), "{text}");
        let long = "x".repeat(100);
        let text = diff(&Cells::parse("n\n"), &Cells::parse(&format!("n\n{long}\n")), Paint::plain());
        assert!(text.contains("x…\n"), "{text}");
    }
}
