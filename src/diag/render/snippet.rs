//! Source lines with marks under them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::text::{Paint, Style};
use crate::diag::{Label, SourceFile, Span};

const TAB: usize = 4;
/// Source lines are cut at this many columns where the terminal's width is unknown.
const DEFAULT_WIDTH: usize = 200;
/// Columns kept before the first mark of a line that is cut.
const LEAD: usize = 20;

/// The left margin: line numbers and a bar.
pub(super) struct Gutter {
    digits: usize,
    style: Style,
}

impl Gutter {
    pub(super) fn new<'a>(labels: impl Iterator<Item = &'a Label>, style: Style) -> Self {
        let last = labels.map(|label| label.span.file.line_column(label.span.range.end as usize).0).max();
        Self { digits: last.unwrap_or(1).to_string().len().max(2), style }
    }

    pub(super) fn location(&self, arrow: &str, span: &Span, text: &str, out: &mut String) {
        let arrow = self.style.paint(Paint::Frame, arrow);
        out.push_str(&" ".repeat(self.digits));
        out.push_str(&format!("{arrow} {}", span.location()));
        if !text.is_empty() {
            out.push_str(&format!("   ({text})"));
        }
        out.push('\n');
    }

    pub(super) fn blank(&self, out: &mut String) {
        self.row("", "", out);
    }

    fn row(&self, number: &str, content: &str, out: &mut String) {
        let margin = self.style.paint(Paint::Frame, &format!("{number:>width$} |", width = self.digits));
        out.push_str(&margin);
        if !content.is_empty() {
            out.push(' ');
            out.push_str(content);
        }
        out.push('\n');
    }

    fn gap(&self, out: &mut String) {
        out.push_str(&self.style.paint(Paint::Frame, "..."));
        out.push('\n');
    }

    /// Columns left for source text.
    fn room(&self) -> usize {
        self.style.width.map_or(DEFAULT_WIDTH, |width| width.saturating_sub(self.digits + 3)).max(40)
    }
}

/// What to draw under which part of a file.
pub(super) struct Mark<'a> {
    label: &'a Label,
    primary: bool,
    paint: Paint,
}

impl<'a> Mark<'a> {
    pub(super) fn new(label: &'a Label, primary: bool, paint: Paint) -> Self {
        Self { label, primary, paint }
    }
}

/// A mark on one line, in display columns.
struct Placed<'a> {
    columns: Range<usize>,
    text: &'a str,
    primary: bool,
    paint: Paint,
}

/// Shows the marked lines of one file.
pub(super) fn lines(gutter: &Gutter, file: &SourceFile, marks: Vec<Mark<'_>>, out: &mut String) {
    let mut shown: BTreeMap<usize, Vec<(Range<usize>, Mark<'_>)>> = BTreeMap::new();
    for mark in marks {
        let bytes = mark.label.span.range.start as usize..mark.label.span.range.end as usize;
        let first = file.line_column(bytes.start).0;
        let last = file.line_column(bytes.end.max(bytes.start + 1) - 1).0;
        shown.entry(first).or_default();
        // A place shows where it begins and is marked where it ends; the primary mark is where the reader should look.
        let line = if mark.primary { first } else { last };
        let range = file.line_range(line);
        let text = file.line(line);
        let start = if line == first { bytes.start } else { range.start + text.len() - text.trim_start().len() };
        let end = bytes.end.min(range.end).max(start);
        shown.entry(line).or_default().push((start - range.start.min(start)..end - range.start.min(end), mark));
    }
    let mut previous = None;
    for (line, marks) in shown {
        if previous.is_some_and(|previous| previous + 1 < line) {
            gutter.gap(out);
        }
        previous = Some(line);
        one_line(gutter, file.line(line), line, marks, out);
    }
}

fn one_line(gutter: &Gutter, text: &str, number: usize, marks: Vec<(Range<usize>, Mark<'_>)>, out: &mut String) {
    let mut placed: Vec<Placed<'_>> = marks
        .into_iter()
        .map(|(bytes, mark)| {
            let start = columns(text, bytes.start);
            let columns = start..columns(text, bytes.end).max(start + 1);
            Placed { columns, text: &mark.label.text, primary: mark.primary, paint: mark.paint }
        })
        .collect();
    placed.sort_by_key(|mark| (mark.columns.start, mark.primary));
    let window = window(text, &placed, gutter.room());
    let visible = cut(text, &window);
    for mark in &mut placed {
        let shift =
            |column: usize| column.clamp(window.start, window.end) - window.start + usize::from(window.start > 0);
        mark.columns = shift(mark.columns.start)..shift(mark.columns.end).max(shift(mark.columns.start) + 1);
    }
    gutter.row(&number.to_string(), visible.trim_end(), out);
    underlines(gutter, &placed, out);
}

/// The display column of a byte offset of a line.
fn columns(text: &str, offset: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < offset).fold(0, |column, (_, c)| column + width(c, column))
}

/// Which columns of a long line to show: all, or a part that holds the marks.
fn window(text: &str, marks: &[Placed<'_>], room: usize) -> Range<usize> {
    let total = columns(text, text.len());
    if total <= room {
        return 0..total;
    }
    let first = marks.iter().map(|mark| mark.columns.start).min().unwrap_or(0);
    let last = marks.iter().map(|mark| mark.columns.end).max().unwrap_or(0);
    let start = if last + 1 < room { 0 } else { first.saturating_sub(LEAD).min(total - room) };
    start..(start + room).min(total)
}

/// The columns of a line as text: tabs expanded, `…` where something is left out.
fn cut(text: &str, window: &Range<usize>) -> String {
    let mut out = String::new();
    let mut column = 0;
    let mut left_out = false;
    if window.start > 0 {
        out.push('…');
    }
    for c in text.chars() {
        let width = width(c, column);
        if column >= window.end {
            left_out = true;
            break;
        }
        if column >= window.start {
            match c {
                '\t' => out.push_str(&" ".repeat(width)),
                c if c.is_control() => out.push('\u{fffd}'),
                c => out.push(c),
            }
        }
        column += width;
    }
    if left_out {
        out.push('…');
    }
    out
}

fn underlines(gutter: &Gutter, marks: &[Placed<'_>], out: &mut String) {
    let Some(last) = marks.last() else { return };
    let mut line = Line::default();
    for mark in marks {
        let sign = if mark.primary { "^" } else { "-" };
        line.put(mark.columns.start, &sign.repeat(mark.columns.len()), mark.paint);
    }
    if !last.text.is_empty() {
        line.put(line.len() + 1, last.text, last.paint);
    }
    gutter.row("", &line.paint(gutter.style), out);

    let mut waiting: Vec<&Placed<'_>> = marks[..marks.len() - 1].iter().filter(|mark| !mark.text.is_empty()).collect();
    if waiting.is_empty() {
        return;
    }
    gutter.row("", &bars(&waiting).paint(gutter.style), out);
    while let Some(mark) = waiting.pop() {
        let mut line = bars(&waiting);
        line.put(mark.columns.start, mark.text, mark.paint);
        gutter.row("", &line.paint(gutter.style), out);
    }
}

fn bars(marks: &[&Placed<'_>]) -> Line {
    let mut line = Line::default();
    for mark in marks {
        line.put(mark.columns.start, "|", mark.paint);
    }
    line
}

/// A line of marks that is drawn from left to right, later strokes over earlier ones.
#[derive(Default)]
struct Line {
    cells: Vec<(char, Option<Paint>)>,
}

impl Line {
    fn len(&self) -> usize {
        self.cells.len()
    }

    fn put(&mut self, column: usize, text: &str, paint: Paint) {
        let end = column + text.chars().count();
        if self.cells.len() < end {
            self.cells.resize(end, (' ', None));
        }
        for (cell, c) in self.cells[column..].iter_mut().zip(text.chars()) {
            *cell = (c, Some(paint));
        }
    }

    fn paint(&self, style: Style) -> String {
        self.cells
            .chunk_by(|a, b| a.1 == b.1)
            .map(|run| {
                let text: String = run.iter().map(|(c, _)| *c).collect();
                run[0].1.map_or(text.clone(), |paint| style.paint(paint, &text))
            })
            .collect()
    }
}

/// How many terminal columns a character takes.
fn width(c: char, column: usize) -> usize {
    match u32::from(c) {
        0x09 => TAB - column % TAB,
        0x20..=0x2ff => 1,
        // combining marks, joiners, variation selectors
        0x300..=0x36f | 0x200b..=0x200f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f => 0,
        // East Asian wide and fullwidth forms, emoji
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
