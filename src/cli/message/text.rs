//! What people read: dbt's lines, with the words that colours mark.

/// A line before it gets a time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Text {
    words: String,
    /// Of the whole line.
    paint: Paint,
    status: Option<Status>,
}

/// Behind the dots: `[PASS in 0.02s]`.
#[derive(Debug, Clone, PartialEq)]
struct Status {
    word: String,
    paint: Paint,
    seconds: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Paint {
    #[default]
    Plain,
    Green,
    Yellow,
    Red,
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self { words, ..Self::default() }
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

impl Text {
    pub(crate) fn painted(self, paint: Paint) -> Self {
        Self { paint, ..self }
    }

    /// `3 of 5 START seed file main.x ...................... [RUN]`
    pub(super) fn dotted(
        (index, total): (usize, usize),
        words: &str,
        width: usize,
        status: (impl Into<String>, Paint),
        seconds: Option<f64>,
    ) -> Self {
        Self::filled(format!("{index} of {total} {words} "), width, status, seconds)
    }

    /// As far as the width goes.
    pub(super) fn filled(
        mut line: String,
        width: usize,
        status: (impl Into<String>, Paint),
        seconds: Option<f64>,
    ) -> Self {
        let used = line.chars().count();
        line.extend(std::iter::repeat_n('.', width.saturating_sub(used)));
        let (word, paint) = status;
        Self { words: line, paint: Paint::Plain, status: Some(Status { word: word.into(), paint, seconds }) }
    }

    pub(super) fn after(self, words: &str) -> Self {
        Self { words: format!("{words}{}", self.words), ..self }
    }

    pub(crate) fn plain(&self) -> String {
        self.write(|_, text| text.to_owned())
    }

    pub(crate) fn colored(&self) -> String {
        self.write(Paint::on)
    }

    fn write(&self, paint: impl Fn(Paint, &str) -> String) -> String {
        let words = paint(self.paint, &self.words);
        let Some(status) = &self.status else { return words };
        let word = paint(status.paint, &status.word);
        match status.seconds {
            Some(seconds) => format!("{words} [{word} in {seconds:.2}s]"),
            None => format!("{words} [{word}]"),
        }
    }
}

impl Paint {
    fn on(self, text: &str) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Red => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// `1 seed`, `2 table models`, `3 analyses`.
pub(super) fn counted(what: &str, count: usize) -> String {
    let plural = match (count, what.strip_suffix("is"), what.strip_suffix('y')) {
        (1, ..) => what.to_owned(),
        (_, Some(stem), _) => format!("{stem}es"),
        (_, _, Some(stem)) => format!("{stem}ies"),
        _ if what.ends_with("ss") => format!("{what}es"),
        _ => format!("{what}s"),
    };
    format!("{count} {plural}")
}
