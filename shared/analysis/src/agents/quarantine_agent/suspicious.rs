//! Texts that look like an attack: SQL, a condition that always holds, scripts (section 4, detector 5b).

use std::sync::LazyLock;

use polars::prelude::StringChunked;
use regex::Regex;

/// The patterns, in their order. A text can fit several.
const PATTERNS: [&str; 4] = [
    r"(?i)drop\s+table|delete\s+from|insert\s+into|update\s|select\s+\*",
    r#"OR\s*['"]?1['"]?\s*=['"]?1"#,
    r"<script[^>]*>.*?</script>",
    "javascript:",
];

/// Each pattern, and one that fits what any of them fits.
struct Patterns {
    any: Regex,
    each: Vec<Regex>,
}

static COMPILED: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let any = PATTERNS.map(|pattern| format!("(?:{pattern})")).join("|");
    let each = PATTERNS.iter().map(|pattern| Regex::new(pattern)).collect::<Result<_, _>>();
    Some(Patterns { any: Regex::new(&any).ok()?, each: each.ok()? })
});

/// For each pattern, the rows whose text fits it.
pub(super) fn suspicious_rows(cells: &StringChunked) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); PATTERNS.len()];
    let Some(patterns) = COMPILED.as_ref() else { return rows };
    let texts = cells.iter().enumerate().filter_map(|(row, cell)| cell.map(|text| (row, text)));
    for (row, text) in texts.filter(|(_, text)| may_fit(text) && patterns.any.is_match(text)) {
        for (pattern, rows) in patterns.each.iter().zip(&mut rows) {
            if pattern.is_match(text) {
                rows.push(row);
            }
        }
    }
    rows
}

/// Whether a text has a character without which no pattern fits: white space, or `=`, `<`, `:`. Most texts have none.
fn may_fit(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'\t'..=b'\r' | b' ' | b'=' | b'<' | b':' | 0x80..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::*;
    use proptest::prelude::*;

    fn fitting(text: &str) -> Vec<usize> {
        let cells = StringChunked::from_slice_options("a".into(), &[None, Some(text)]);
        let rows = suspicious_rows(&cells);
        (1..=4).filter(|pattern| rows[pattern - 1] == [1]).collect()
    }

    #[test]
    fn each_pattern() {
        for (text, patterns) in [
            ("please UPDATE me", vec![1]),
            ("update", vec![]),
            ("update\u{a0}", vec![1]),
            ("DROP \t table", vec![1]),
            ("droptable", vec![]),
            ("delete  from x; select *", vec![1]),
            ("select * from", vec![1]),
            ("insert into", vec![1]),
            ("' OR '1' ='1", vec![2]),
            ("FOR 1 =1", vec![2]),
            ("OR1=1", vec![2]),
            ("or 1=1", vec![]),
            ("OR 1= 1", vec![]),
            ("<script src='x'>a</script>", vec![3]),
            ("<script>\n</script>", vec![]),
            ("<SCRIPT></SCRIPT>", vec![]),
            ("<script\n>javascript:x</script>", vec![3, 4]),
            ("JavaScript:", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(fitting(text), patterns, "{text}");
        }
    }

    proptest! {
        /// The short ways change nothing.
        #[test]
        fn equals_trying_every_pattern(text in "(OR|or|1|=|'| |update|drop|table|<script|>|</script>|javascript|:|\u{a0}|\n|ſ){0,8}") {
            let slow: Vec<usize> = (1..=4).filter(|pattern| Regex::new(PATTERNS[pattern - 1]).unwrap().is_match(&text)).collect();
            prop_assert_eq!(fitting(&text), slow);
        }
    }
}
