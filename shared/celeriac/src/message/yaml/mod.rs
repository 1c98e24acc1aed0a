//! YAML, as Python's `yaml.safe_load` reads it for kombu: YAML 1.1 without tags that make objects (celery-wire.md 1.6).
//!
//! Here: from the parser's events to a value, with anchors and merge keys. What a scalar is stands in `scalar`.
//! Sets become arrays, ordered mappings and pairs arrays of `[key, value]`; keys become texts as in JSON.

mod scalar;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::content::TOO_MANY_VALUES;
use super::{MAX_DEPTH, typed};

/// How much aliases may add to a document, in values and bytes of text: repeated text costs its sender nothing.
const MAX_REPEATED: usize = 16 << 20;

const CORE: &str = "tag:yaml.org,2002:";

/// Reads the one document of a text, with at most so many values in it, and tells whether there are typed ones among them.
pub(super) fn read(bytes: &[u8], most_values: usize) -> Result<(Value, bool), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { values_left: most_values, ..Builder::default() };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        // The parser's own message names the place and quotes nothing of the document but single characters.
        let (event, _) = event.map_err(|error| error.to_string())?;
        builder.event(event)?;
    }
    // An empty text is null, as in Python.
    let document = builder.document.map_or(Ok(Value::Null), value)?;
    Ok((document, builder.typed))
}

/// A finished value.
#[derive(Clone)]
struct Node {
    value: Value,
    /// What it costs to repeat it.
    weight: usize,
    /// Whether it is a plain `<<`: a merge key, where a key is expected.
    merge: bool,
}

impl Node {
    fn new(value: Value, weight: usize) -> Self {
        Self { value, weight, merge: false }
    }
}

/// A container that is still open.
struct Open {
    anchor: usize,
    weight: usize,
    content: Content,
}

enum Content {
    /// `pairs` for the tags that make pairs of its items.
    Sequence {
        items: Vec<Value>,
        pairs: bool,
    },
    Mapping(Box<Mapping>),
}

#[derive(Default)]
struct Mapping {
    map: Map<String, Value>,
    /// What merge keys bring in.
    merged: Map<String, Value>,
    /// The key whose value comes next.
    key: Option<Node>,
    /// Whether it is tagged to be the set of its keys.
    set: bool,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    repeated: usize,
    values_left: usize,
    document: Option<Node>,
    typed: bool,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) if self.document.is_some() => {
                return Err("there is more than one document".into());
            }
            Event::Scalar(text, style, anchor, tag) => {
                let kind = match tag.as_deref() {
                    Some(tag) if !is_non_specific(tag) => core_name(tag)?,
                    None if style != ScalarStyle::Plain => "str",
                    _ => scalar::resolve(&text),
                };
                let mut node = Node::new(Value::Null, 1 + text.len());
                if kind == "merge" {
                    node.merge = true;
                } else {
                    let (value, typed) = scalar::construct(kind, &text)?;
                    node.value = value;
                    self.typed |= typed;
                }
                self.finish(node, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => {
                let pairs =
                    match tag.as_deref().filter(|tag| !is_non_specific(tag)).map(core_name).transpose()? {
                        None | Some("seq") => false,
                        Some("omap" | "pairs") => true,
                        Some(other) => return Err(format!("a sequence cannot be a !!{other}")),
                    };
                self.start(anchor, Content::Sequence { items: Vec::new(), pairs })?;
            }
            Event::MappingStart(anchor, tag) => {
                let set =
                    match tag.as_deref().filter(|tag| !is_non_specific(tag)).map(core_name).transpose()? {
                        None | Some("map") => false,
                        Some("set") => true,
                        Some(other) => return Err(format!("a mapping cannot be a !!{other}")),
                    };
                let mapping = Mapping { set, ..Mapping::default() };
                self.start(anchor, Content::Mapping(Box::new(mapping)))?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.finish(Node::new(open.content.close()?, open.weight), open.anchor)?;
                }
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).ok_or("an alias stands inside of what it names")?;
                let node = node.clone();
                self.repeat(node.weight)?;
                self.add(node)?;
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn start(&mut self, anchor: usize, content: Content) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err("too many containers lie in one another".into());
        }
        self.open.push(Open { anchor, weight: 1, content });
        Ok(())
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.values_left = self.values_left.checked_sub(1).ok_or(TOO_MANY_VALUES)?;
        if anchor != 0 {
            self.repeat(node.weight)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.add(node)
    }

    fn repeat(&mut self, weight: usize) -> Result<(), String> {
        self.repeated = self.repeated.saturating_add(weight);
        if self.repeated > MAX_REPEATED { Err("its aliases repeat too much".into()) } else { Ok(()) }
    }

    fn add(&mut self, node: Node) -> Result<(), String> {
        match self.open.last_mut() {
            None => self.document = Some(node),
            Some(open) => {
                open.weight = open.weight.saturating_add(node.weight);
                open.content.add(node)?;
            }
        }
        Ok(())
    }
}

impl Content {
    fn add(&mut self, node: Node) -> Result<(), String> {
        match self {
            Self::Sequence { items, .. } => items.push(value(node)?),
            Self::Mapping(mapping) => match mapping.key.take() {
                None => mapping.key = Some(node),
                Some(name) if name.merge => merge(&mut mapping.merged, value(node)?)?,
                Some(name) => drop(mapping.map.insert(key_text(name.value)?, value(node)?)),
            },
        }
        Ok(())
    }

    fn close(self) -> Result<Value, String> {
        Ok(match self {
            Self::Sequence { items, pairs: false } => Value::Array(items),
            Self::Sequence { items, pairs: true } => items.into_iter().map(pair).collect::<Result<_, _>>()?,
            Self::Mapping(mapping) if mapping.set => mapping.map.into_iter().map(|(name, _)| name).collect(),
            // What is merged comes first and gives way.
            Self::Mapping(mapping) => {
                let Mapping { map, mut merged, .. } = *mapping;
                if merged.is_empty() {
                    return Ok(Value::Object(map));
                }
                merged.extend(map);
                Value::Object(merged)
            }
        })
    }
}

fn value(node: Node) -> Result<Value, String> {
    if node.merge { Err("`<<` stands where no key is".into()) } else { Ok(node.value) }
}

/// Of several mappings, the first has its say.
fn merge(merged: &mut Map<String, Value>, value: Value) -> Result<(), String> {
    let mappings = match value {
        Value::Array(items) => items,
        single => vec![single],
    };
    for mapping in mappings.into_iter().rev() {
        match mapping {
            Value::Object(map) => merged.extend(map),
            _ => return Err("`<<` merges something that is no mapping".into()),
        }
    }
    Ok(())
}

fn pair(item: Value) -> Result<Value, String> {
    let Value::Object(map) = item else { return Err("an item of ordered pairs is no mapping".into()) };
    let mut entries = map.into_iter();
    match (entries.next(), entries.next()) {
        (Some((name, value)), None) => Ok(Value::Array(vec![name.into(), value])),
        _ => Err("an item of ordered pairs is not one pair".into()),
    }
}

/// A key as Python's JSON would write it.
fn key_text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Array(_) => Err("a key is a sequence".into()),
        Value::Object(_) => match typed::plain(&value) {
            Value::String(text) => Ok(text),
            _ => Err("a key is a mapping".into()),
        },
        scalar => Ok(scalar.to_string()),
    }
}

/// `!`, which says nothing.
fn is_non_specific(tag: &Tag) -> bool {
    (tag.handle.is_empty() && tag.suffix == "!") || (tag.handle == "!" && tag.suffix.is_empty())
}

fn core_name(tag: &Tag) -> Result<&str, String> {
    let name = if tag.handle == CORE { Some(tag.suffix.as_str()) } else { tag.suffix.strip_prefix(CORE) };
    name.ok_or_else(|| "a value has a tag that is not YAML's own".into())
}
