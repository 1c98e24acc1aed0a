//! What PyYAML 6.0 makes of texts, recorded from `yaml.safe_load` and written as kombu's JSON writes it; `None` is an
//! error there. NaN and infinities are null, sets are in the text's order.

use proptest::prelude::*;
use serde_json::Value;

use super::scalar;

fn read(bytes: &[u8]) -> Result<(Value, bool), String> {
    super::read(bytes, usize::MAX)
}

const SCALARS: &[(&str, Option<&str>)] = &[
    ("yes", Some("true")),
    ("Yes", Some("true")),
    ("YES", Some("true")),
    ("yEs", Some(r#""yEs""#)),
    ("no", Some("false")),
    ("off", Some("false")),
    ("On", Some("true")),
    ("y", Some(r#""y""#)),
    ("true", Some("true")),
    ("True", Some("true")),
    ("tRUE", Some(r#""tRUE""#)),
    ("~", Some("null")),
    ("null", Some("null")),
    ("Null", Some("null")),
    ("NULL", Some("null")),
    ("nULL", Some(r#""nULL""#)),
    ("", Some("null")),
    ("12", Some("12")),
    ("-12", Some("-12")),
    ("+12", Some("12")),
    ("1_000", Some("1000")),
    ("0", Some("0")),
    ("00", Some("0")),
    ("012", Some("10")),
    ("089", Some(r#""089""#)),
    ("0o12", Some(r#""0o12""#)),
    ("0x1F", Some("31")),
    ("-0x1f", Some("-31")),
    ("0b101", Some("5")),
    ("0b_", None),
    ("1:30", Some("90")),
    ("1:30:15", Some("5415")),
    ("-1:30", Some("-90")),
    ("1:99", Some(r#""1:99""#)),
    ("190:20:30", Some("685230")),
    ("1.5", Some("1.5")),
    ("1.", Some("1.0")),
    ("+1.5", Some("1.5")),
    ("-.5", Some(r#""-.5""#)),
    (".5", Some("0.5")),
    ("1e3", Some(r#""1e3""#)),
    ("1.0e3", Some(r#""1.0e3""#)),
    ("1.0e+3", Some("1000.0")),
    ("1.5E-2", Some("0.015")),
    ("1_0.5", Some("10.5")),
    ("1:30.5", Some("90.5")),
    ("1:30.0", Some("90.0")),
    (".inf", Some("null")),
    ("-.INF", Some("null")),
    (".nan", Some("null")),
    (".NaN", Some("null")),
    ("inf", Some(r#""inf""#)),
    ("1.0e+999", Some("null")),
    ("12345678901234567890", Some("12345678901234567890")),
    ("-9223372036854775808", Some("-9223372036854775808")),
    ("2024-01-02", Some(r#"{"__type__": "date", "__value__": "2024-01-02"}"#)),
    ("2024-1-2", Some(r#""2024-1-2""#)),
    ("2024-01-02T03:04:05", Some(r#"{"__type__": "datetime", "__value__": "2024-01-02T03:04:05"}"#)),
    ("2024-01-02 03:04:05.5", Some(r#"{"__type__": "datetime", "__value__": "2024-01-02T03:04:05.500000"}"#)),
    (
        "2024-01-02t03:04:05.1234567Z",
        Some(r#"{"__type__": "datetime", "__value__": "2024-01-02T03:04:05.123456+00:00"}"#),
    ),
    (
        "2024-01-02 3:04:05 +5:30",
        Some(r#"{"__type__": "datetime", "__value__": "2024-01-02T03:04:05+05:30"}"#),
    ),
    ("2024-01-02T03:04:05-08", Some(r#"{"__type__": "datetime", "__value__": "2024-01-02T03:04:05-08:00"}"#)),
    (
        "2024-01-02T03:04:05+00:00",
        Some(r#"{"__type__": "datetime", "__value__": "2024-01-02T03:04:05+00:00"}"#),
    ),
    ("2024-01-02T03:04", Some(r#""2024-01-02T03:04""#)),
    ("2024-13-45", None),
    ("2024-13-45T03:04:05", None),
    ("hello world", Some(r#""hello world""#)),
    ("'12'", Some(r#""12""#)),
    ("\"a\\u00e9\\n\"", Some(r#""a\u00e9\n""#)),
    ("!!str 12", Some(r#""12""#)),
    ("!!int '12'", Some("12")),
    ("!!int 'x'", None),
    ("!!float 3", Some("3.0")),
    ("!!bool on", Some("true")),
    ("!!bool 5", None),
    ("!!null x", Some("null")),
    ("!!binary aGVsbG8=", Some(r#"{"__type__": "bytes", "__value__": "hello"}"#)),
    ("!!timestamp '2024-01-02'", Some(r#"{"__type__": "date", "__value__": "2024-01-02"}"#)),
    ("!!timestamp x", None),
    ("! 12", Some("12")),
    ("! '12'", Some("12")),
    ("!local x", None),
    ("!!python/name:os.system ''", None),
    ("!!set 3", None),
    ("<<", None),
];

const DOCUMENTS: &[(&str, Option<&str>)] = &[
    ("{a: 1, a: 2}", Some(r#"{"a": 2}"#)),
    ("{2: a, yes: b, ~: c, 1.5: d}", Some(r#"{"2": "a", "true": "b", "null": "c", "1.5": "d"}"#)),
    ("{[1]: a}", None),
    ("{{a: 1}: b}", None),
    ("[a, &x b, *x]", Some(r#"["a", "b", "b"]"#)),
    ("&x [*x]", None),
    ("*x", None),
    ("{<<: {a: 1, b: 2}, b: 3}", Some(r#"{"a": 1, "b": 3}"#)),
    ("{b: 3, <<: {a: 1, b: 2}}", Some(r#"{"a": 1, "b": 3}"#)),
    ("{<<: [{a: 1}, {a: 2, b: 2}]}", Some(r#"{"a": 1, "b": 2}"#)),
    ("{<<: 5}", None),
    ("[<<]", None),
    ("!!omap [{a: 1}, {b: 2}]", Some(r#"[["a", 1], ["b", 2]]"#)),
    ("!!omap [a]", None),
    ("!!pairs [{a: 1}, {a: 2}]", Some(r#"[["a", 1], ["a", 2]]"#)),
    ("!!set {a, b}", Some(r#"["a", "b"]"#)),
    ("!!set [a]", None),
    ("!!map [a]", None),
    ("!!seq {a: 1}", None),
    ("!!python/tuple [1]", None),
    ("--- a\n--- b", None),
    ("a: b: c", None),
    ("{a", None),
    ("- a\n b: c", None),
    ("%YAML 1.1\n---\n- a", Some(r#"["a"]"#)),
    ("---\n...", Some("null")),
    ("|\n text\n more\n", Some(r#""text\nmore\n""#)),
    (">\n folded\n text\n", Some(r#""folded text\n""#)),
    ("{a: !!binary aGk=}", Some(r#"{"a": {"__type__": "bytes", "__value__": "hi"}}"#)),
    ("{<<: &m {a: 1}, c: *m}", Some(r#"{"a": 1, "c": {"a": 1}}"#)),
    ("? a\n: b", Some(r#"{"a": "b"}"#)),
    ("[a,,b]", None),
    ("{a, b: c}", Some(r#"{"a": null, "b": "c"}"#)),
    ("{<<: [5]}", None),
    ("{'<<': {a: 1}}", Some(r#"{"<<": {"a": 1}}"#)),
    ("\u{feff}[1]", Some("[1]")),
    ("[1] x", None),
    ("!!python/object/apply:os.system ['true']", None),
    ("[? a]", Some(r#"[{"a": null}]"#)),
    ("- ! a", Some(r#"["a"]"#)),
    ("!<tag:yaml.org,2002:str> 12", Some(r#""12""#)),
    ("%TAG !e! tag:yaml.org,2002:\n---\n!e!str 12", Some(r#""12""#)),
];

/// Where we are kinder than PyYAML, or numbers are longer than JSON values of ours hold.
const OURS: &[(&str, Option<&str>)] = &[
    ("=", Some(r#""=""#)),
    ("a\tb", Some(r#""a\tb""#)),
    ("!!binary '!'", None),
    ("123456789012345678901234567890", Some("1.2345678901234568e29")),
    ("-0xFFFFFFFFFFFFFFFFFF", Some("-4.722366482869645e21")),
    ("0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", Some("5.444517870735016e39")),
    ("9999999999999:0:0:0:0:0:0", None),
    ("{2024-01-02: a}", Some(r#"{"2024-01-02": "a"}"#)),
];

fn check(cases: &[(&str, Option<&str>)]) {
    for (text, expected) in cases {
        let result = read(text.as_bytes());
        match expected {
            None => assert!(result.is_err(), "{text:?} became {result:?}"),
            Some(json) => {
                let expected: Value = serde_json::from_str(json).unwrap();
                let (value, typed) = result.unwrap_or_else(|error| panic!("{text:?}: {error}"));
                assert_eq!(value, expected, "{text:?}");
                assert!(typed || !json.contains("__type__"), "{text:?}");
            }
        }
    }
}

#[test]
fn scalars_are_what_pyyaml_makes_of_them() {
    assert_eq!(scalar::PLAIN.len(), scalar::TYPES.len());
    check(SCALARS);
}

#[test]
fn documents_are_what_pyyaml_makes_of_them() {
    check(DOCUMENTS);
}

#[test]
fn known_differences() {
    check(OURS);
}

#[test]
fn repetition_is_bounded() {
    let mut bomb = String::from("a0: &a0 [x]\n");
    for level in 1..40 {
        let item = format!("*a{}, ", level - 1).repeat(10);
        bomb += &format!("a{level}: &a{level} [{item}]\n");
    }
    assert_eq!(read(bomb.as_bytes()).unwrap_err(), "its aliases repeat too much");
    assert!(read(["[".repeat(5000), "]".repeat(5000)].concat().as_bytes()).is_err());
    assert!(super::read(b"[1, 2, 3]", 4).is_ok());
    assert!(super::read(b"[1, 2, 3]", 3).is_err());
    assert!(read("- ".repeat(5000).as_bytes()).is_err());
    assert!(read(["- ".repeat(500), "x".into()].concat().as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = read(&bytes);
    }

    #[test]
    fn anything_like_yaml_is_read_or_refused(text in r"([-?:,\[\]{}#&*!|>'%@` \n\t0-9a.<=~]|!!|\u{e9}|&a|\*a|<<){0,60}") {
        let _ = read(text.as_bytes());
    }
}
